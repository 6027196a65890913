import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { AGGRESSOR_BASE } from './setting.ts'

type Begin = (port: number) => void

const aggressor = { Host: 'aggressor.localhost' }
const flood: Begin = (port) => spray(port, 100 * AGGRESSOR_BASE, () => ({ headers: aggressor }))
const dearest: Begin = (port) =>
  spray(port, 20 * AGGRESSOR_BASE, () => ({ headers: aggressor, path: '/dear' }))
const invented: Begin = (port) =>
  spray(port, 1_000, (i) => ({ headers: { Host: `invented-${i}.localhost` } }))
const slowBodies: Begin = (port) => sprayBodies(port, 500, 4, 500)
const unusedSockets: Begin = (port) => holdSockets(port, 1_000)
const wrongKeys: Begin = (port) =>
  spray(port, 500, (i) => ({ headers: { Host: 'locked.localhost', 'Stint-Key': `wrong-${i}` } }))

/** What troubles an edge, by name. */
export const ATTACKS: Readonly<Record<string, readonly Begin[]>> = {
  '100 × its own': [flood],
  'dearest requests': [dearest],
  'invented hosts': [invented],
  'slow bodies': [slowBodies],
  'unused sockets': [unusedSockets],
  'wrong keys': [wrongKeys],
  'all at once': [flood, dearest, invented, slowBodies, unusedSockets, wrongKeys],
}

/**
 * Begins an attack in a thread of its own: what measures the victim must not wait for what troubles it.
 *
 * @returns what ends it.
 */
export function attack(name: string, port: number): () => Promise<number> {
  const thread = new Worker(new URL('attack-thread.ts', import.meta.url), { workerData: { name, port } })
  return () => thread.terminate()
}

/** Sends requests at a rate, open loop, each as `next` says; answers are thrown away. */
function spray(
  port: number,
  perSecond: number,
  next: (i: number) => { headers: Record<string, string>; path?: string },
): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const startMs = performance.now()
  let sent = 0
  setInterval(() => {
    const due = ((performance.now() - startMs) * perSecond) / 1_000
    for (; sent < due; sent++) {
      const { headers, path = '/' } = next(sent)
      const asked = request({ port, host: '127.0.0.1', agent, headers, path }, (answer) => answer.resume())
      asked.on('error', () => {}).end()
    }
  }, 5)
}

/** Begins requests at a rate, each with a body that comes in so many pieces, a pause before each. */
function sprayBodies(port: number, perSecond: number, pieces: number, pauseMs: number): void {
  setInterval(() => {
    const options = { port, host: '127.0.0.1', method: 'POST', headers: aggressor, agent: false as const }
    const asked = request(options, (answer) => {
      answer.resume()
      // Who is refused sends no more.
      answer.once('end', () => asked.destroy())
    })
    asked.on('error', () => {}).flushHeaders()
    let left = pieces
    const timer = setInterval(() => {
      if (asked.destroyed || left-- === 0) {
        clearInterval(timer)
        asked.end()
      } else asked.write('x'.repeat(1_000))
    }, pauseMs)
  }, 1_000 / perSecond)
}

/** Opens sockets and sends nothing. */
function holdSockets(port: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {}).resume()
  }
}
