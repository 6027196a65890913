import { Generator } from './load.ts'
import { type Ports, type Server, startWorker } from './servers.ts'
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
/** As with CPU, two processes of one kind differ for as long as they live: all is started anew every so many rounds. */
const ROUNDS_PER_LIFE = 2
/** And so many requests go ahead, so that what is hot has been compiled. */
const WARM_UP = 10_000

const ORDER = { host: 'quiet.localhost', path: '/', connections: 32 } as const

type Taken = Record<string, { readonly p50Ms: number[]; readonly p99Ms: number[] }>

/** Paced requests to each variant in turn; the last of the delays, of which something is asked, gets most rounds. */
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
    const turns = addedMs === delaysMs.at(-1) ? 2 * rounds : Math.ceil(rounds / 2)
    const taken: Taken = {}
    let servers: Readonly<Record<string, Server>> = {}
    for (let round = 0; round < turns; round++) {
      if (round % ROUNDS_PER_LIFE === 0) {
        await stopAll(servers)
        servers = await startAll(ports, addedMs)
        for (const { port } of Object.values(servers)) {
          await generator.run({ ...ORDER, port, requests: WARM_UP })
        }
      }
      await takeTurns(generator, servers, round, requests, taken)
      const line = Object.entries(taken).map(([name, { p50Ms }]) => `${name} ${p50Ms.at(-1)!.toFixed(2)}`)
      progress(`+${addedMs} ms round ${round + 1}/${turns}, p50 ms: ${line.join(', ')}`)
    }
    await stopAll(servers)
    for (const [name, { p50Ms, p99Ms }] of Object.entries(taken)) {
      rows.push({ name, addedMs, p50Ms: spreadOf(p50Ms), p99Ms: spreadOf(p99Ms) })
    }
    p50OverPlain[addedMs] = pairedRatio(taken['admitted']!.p50Ms, taken['plain']!.p50Ms)
  }
  generator.stop()
  return { rows, p50OverPlain }
}

async function startAll(ports: Ports, addedMs: number): Promise<Readonly<Record<string, Server>>> {
  return {
    plain: await startWorker('plain', { port: ports.take() }),
    admitted: await startStint(ports, manifestOf(20_000, { quiet: { base: 10_000 } }), addedMs),
    callPerRequest: await startWorker('per-request', {
      port: ports.take(),
      vars: { DELAY_MS: String(addedMs), DURABLE: '0' },
      objects: { COUNTER: 'Counter' },
    }),
  }
}

async function stopAll(servers: Readonly<Record<string, Server>>): Promise<void> {
  for (const server of Object.values(servers)) await server.stop()
}

/** One turn of each; every other round the other way round, so that whoever comes after whom favours nobody. */
async function takeTurns(
  generator: Generator,
  servers: Readonly<Record<string, Server>>,
  round: number,
  requests: number,
  taken: Taken,
): Promise<void> {
  const turns = Object.entries(servers)
  for (const [name, { port }] of round % 2 === 0 ? turns : turns.reverse()) {
    const order = { ...ORDER, port, perSecond: PER_SECOND }
    // It was idle while the others had their turns: a lease begins anew, and with it the waits for the node.
    await generator.run({ ...order, requests: PER_SECOND })
    const { p50Ms, p99Ms } = await generator.run({ ...order, requests })
    taken[name] ??= { p50Ms: [], p99Ms: [] }
    taken[name].p50Ms.push(p50Ms)
    taken[name].p99Ms.push(p99Ms)
  }
}
