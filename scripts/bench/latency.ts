import { Generator } from './load.ts'
import { type Ports, startWorker } from './servers.ts'
import { pairedRatio, type Spread, spreadOf } from './stats.ts'
import { manifestOf, startStint } from './stint-server.ts'

/** Latency of a tenant in its lease, of the limit and of one RPC per request, with time added to the object. */
export interface LatencyRow {
  readonly name: string
  readonly addedMs: number
  readonly p50Ms: Spread
  readonly p99Ms: Spread
}

export interface LatencyBench {
  readonly rows: readonly LatencyRow[]
  /** Stint's p50 over the limit's, by milliseconds added. */
  readonly p50OverPlain: Readonly<Record<number, Spread>>
}

/** Slow enough that nobody queues: what is measured is the way, not the load. */
const PER_SECOND = 400

/** Paced requests to each variant in turn. */
export async function measureLatency(
  ports: Ports,
  rounds: number,
  requests: number,
  delaysMs: readonly number[],
  progress: (line: string) => void,
): Promise<LatencyBench> {
  const rows: LatencyRow[] = []
  const p50OverPlain: Record<number, Spread> = {}
  const generator = new Generator()
  for (const addedMs of delaysMs) {
    const servers = {
      plain: await startWorker('plain', { port: ports.take() }),
      admitted: await startStint(ports, manifestOf(20_000, { quiet: { base: 10_000 } }), addedMs),
      callPerRequest: await startWorker('per-request', {
        port: ports.take(),
        vars: { DELAY_MS: String(addedMs), DURABLE: '0' },
        objects: { COUNTER: 'Counter' },
      }),
    }
    const taken = Object.fromEntries(
      Object.keys(servers).map((name) => [name, { p50Ms: [] as number[], p99Ms: [] as number[] }]),
    )
    for (let round = 0; round < rounds; round++) {
      for (const [name, { port }] of Object.entries(servers)) {
        const order = { port, host: 'quiet.localhost', path: '/', connections: 32, perSecond: PER_SECOND }
        // It was idle while the others had their turns: a lease begins anew, and with it the waits for the node.
        await generator.run({ ...order, requests: PER_SECOND })
        const { p50Ms, p99Ms } = await generator.run({ ...order, requests })
        taken[name]!.p50Ms.push(p50Ms)
        taken[name]!.p99Ms.push(p99Ms)
      }
      const line = Object.entries(taken).map(([name, { p50Ms }]) => `${name} ${p50Ms.at(-1)!.toFixed(2)}`)
      progress(`+${addedMs} ms round ${round + 1}/${rounds}, p50 ms: ${line.join(', ')}`)
    }
    for (const [name, { p50Ms, p99Ms }] of Object.entries(taken)) {
      rows.push({ name, addedMs, p50Ms: spreadOf(p50Ms), p99Ms: spreadOf(p99Ms) })
    }
    p50OverPlain[addedMs] = pairedRatio(taken['admitted']!.p50Ms, taken['plain']!.p50Ms)
    for (const server of Object.values(servers)) await server.stop()
  }
  generator.stop()
  return { rows, p50OverPlain }
}
