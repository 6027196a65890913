import { createServer } from 'node:http'

/** A running machine; `reset` forgets what still waits. */
export interface Machine {
  reset(): void
  stop(): void
}

/** How a machine serves: so many requests at a time, each for so long; the others wait in line, whoever they are for. */
export interface MachineOptions {
  readonly port: number
  readonly workers: number
  readonly serviceMs: number
}

/** Starts a machine on 127.0.0.1. */
export async function startMachine({ port, workers, serviceMs }: MachineOptions): Promise<Machine> {
  let line: (() => void)[] = []
  let busy = 0
  const work = (done: () => void) => {
    busy++
    setTimeout(() => {
      busy--
      done()
      const next = line.shift()
      if (next !== undefined) work(next)
    }, serviceMs)
  }
  const server = createServer((asked, answer) => {
    asked.resume()
    asked.on('error', () => {})
    asked.on('end', () => {
      const done = () => void answer.end('done\n')
      if (busy < workers) work(done)
      else line.push(done)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    reset() {
      line = []
      server.closeAllConnections()
    },
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
