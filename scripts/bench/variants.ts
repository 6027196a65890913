import { type Ports, type Server, startPeer, startRedis, startWorker } from './servers.ts'
import { manifestOf, startStint } from './stint-server.ts'

/** One way to answer a request, started and ready to be measured. */
export interface Variant {
  readonly name: string
  readonly what: string
  readonly runtime: 'workerd' | 'Node'
  readonly host: string
  readonly server: Server
  /** What it needs beside itself (Redis and the bridge to it); its CPU is shown apart. */
  readonly stores: readonly Server[]
  /** Status that nearly all answers must have, so that what is measured is what is meant. */
  readonly status: 200 | 429
}

const HOST = 'quiet.localhost'

/** A tenant with plenty, the same with the fields on every answer, and one that may have next to nothing. */
const MANIFEST = manifestOf(2_000_000, {
  quiet: { base: 900_000 },
  telling: { base: 900_000, rateLimitFields: true },
  flood: { base: 10, ceiling: 10 },
})

/** Starts everything the group measures, `delayMs` between edge and object (or store). */
export async function startVariants(ports: Ports, delayMs: number, skipped: Set<string>): Promise<Variant[]> {
  const worker = (name: string, what: string, server: Server, more: Partial<Variant> = {}): Variant => ({
    ...{ name, what, server, runtime: 'workerd', host: HOST, stores: [], status: 200 },
    ...more,
  })
  const plain = await startWorker('plain', { port: ports.take() })
  const stint = await startStint(ports, MANIFEST, delayMs)
  const perRequest = (durable: boolean) =>
    startWorker('per-request', {
      port: ports.take(),
      vars: { DELAY_MS: String(delayMs), DURABLE: durable ? '1' : '0' },
      objects: { COUNTER: 'Counter' },
    })
  return [
    worker('plain', 'the same app without Stint: the limit', plain),
    worker(
      'tuned',
      'no framework, head made once: no Worker gets below',
      await startWorker('tuned', { port: ports.take() }),
    ),
    worker('admitted', 'Stint, a tenant in its lease', stint),
    worker('admittedTelling', 'the same, RateLimit fields on every answer', stint, {
      host: 'telling.localhost',
    }),
    worker('refused', 'Stint, a flooding tenant refused (heads alone)', stint, {
      host: 'flood.localhost',
      status: 429,
    }),
    worker('callPerRequest', 'one object RPC per request', await perRequest(false)),
    worker('writePerRequest', 'one RPC with a durable write per request', await perRequest(true)),
    ...(await peersOnRedis(ports, delayMs, skipped, worker)),
  ]
}

async function peersOnRedis(
  ports: Ports,
  delayMs: number,
  skipped: Set<string>,
  worker: (name: string, what: string, server: Server, more: Partial<Variant>) => Variant,
): Promise<Variant[]> {
  const node = async (kind: string, redisPort: number) =>
    startPeer('node-server', ports.take(), [kind, redisPort])
  const inNode = { runtime: 'Node' } as const
  const variants =
    delayMs > 0
      ? []
      : [
          worker('nodePlain', 'the same answer by node:http', await node('none', 0), inNode),
          worker('flexibleMemory', 'rate-limiter-flexible in memory', await node('memory', 0), inNode),
        ]
  const redis = await startRedis(ports.take())
  if (redis === undefined) {
    skipped.add('redis-server is not installed (apt-get install redis-server): what needs it is left out')
    return variants
  }
  const bridge = await startPeer('redis-rest', ports.take(), [redis.port, delayMs])
  const vars = {
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${bridge.port}`,
    UPSTASH_REDIS_REST_TOKEN: 'bench',
  }
  const remote = { stores: [bridge, redis] }
  const start = (name: string) => startWorker(name, { port: ports.take(), vars })
  variants.push(
    worker('sharedStore', 'hono-rate-limiter, Redis over REST', await start('hono-limiter'), remote),
    worker('upstash', '@upstash/ratelimit, Redis over REST', await start('upstash'), remote),
  )
  if (delayMs === 0) {
    const flexible = await node('redis', redis.port)
    const more = { ...inNode, stores: [redis] }
    variants.push(worker('flexibleRedis', 'rate-limiter-flexible on Redis', flexible, more))
  }
  return variants
}

/** Stops what the variants started, each server once. */
export async function stopVariants(variants: readonly Variant[]): Promise<void> {
  const servers = new Set(variants.flatMap(({ server, stores }) => [...stores, server]))
  for (const server of [...servers].reverse()) await server.stop()
}
