import { createServer } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import type { MachineOptions } from './machine.ts'

// One thread, so that what measures the machine's clients does not wait for the machine.
const { port, workers, serviceMs, dearMs = serviceMs } = workerData as MachineOptions

let line: { readonly ms: number; readonly done: () => void }[] = []
let busy = 0

function work(ms: number, done: () => void): void {
  busy++
  setTimeout(() => {
    busy--
    done()
    const next = line.shift()
    if (next !== undefined) work(next.ms, next.done)
  }, ms)
}

const server = createServer((asked, answer) => {
  asked.resume()
  asked.on('error', () => {})
  asked.on('end', () => {
    const ms = asked.url?.startsWith('/dear') ? dearMs : serviceMs
    const done = () => void answer.end('done\n')
    if (busy < workers) work(ms, done)
    else line.push({ ms, done })
  })
})

parentPort!.on('message', () => {
  line = []
  server.closeAllConnections()
})
server.listen(port, '127.0.0.1', () => parentPort!.postMessage('listening'))
