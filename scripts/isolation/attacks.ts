import { Agent, type ClientRequest, request } from 'node:http'
import { connect, type Socket } from 'node:net'

/** Something that troubles the edge until it is stopped. */
export interface Attack {
  stop(): Promise<void>
}

/** Sends requests at a rate, open loop, each as `next` says; answers are thrown away. */
export function spray(
  port: number,
  perSecond: number,
  next: (i: number) => { headers: Record<string, string>; path?: string },
): Attack {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const startMs = performance.now()
  const open = new Set<ClientRequest>()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1_000
    for (; sent < due; sent++) {
      const { headers, path = '/' } = next(sent)
      const asked = request({ port, host: '127.0.0.1', agent, headers, path }, (answer) => answer.resume())
      open.add(asked)
      asked.on('error', () => {}).on('close', () => open.delete(asked))
      asked.end()
    }
  }, 5)
  return {
    async stop() {
      clearInterval(timer)
      // Those that still wait for a connection, too.
      for (const asked of open) asked.destroy()
      agent.destroy()
    },
  }
}

/** Opens sockets and sends what `first` says, then now and then a byte, or nothing at all. */
export function holdSockets(port: number, count: number, first: string, drip: string): Attack {
  const sockets: Socket[] = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    if (first !== '') socket.write(first)
    socket.resume()
    return socket
  })
  const timer = setInterval(() => {
    if (drip === '') return
    for (const socket of sockets) if (socket.writable) socket.write(drip)
  }, 1_000)
  return {
    async stop() {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    },
  }
}
