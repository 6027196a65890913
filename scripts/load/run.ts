import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { type Arrivals, drawArrivals, seededRandom } from './arrivals.ts'
import { type Outcome, Tally, type TenantResult } from './tally.ts'

/** What to offer. */
export interface LoadOptions {
  /** Tenants and the requests/s each is offered; 0 lists an idle one. */
  readonly tenants: readonly { readonly name: string; readonly perSecond: number }[]
  readonly seconds: number
  /** Port on 127.0.0.1. */
  readonly port: number
  /** Default 1. The same seed and options draw the same arrival times. */
  readonly seed?: number
  /** Default `even`. */
  readonly arrivals?: Arrivals
  /** The `Host` sent is `<tenant>.<hostSuffix>`. Default `localhost`. */
  readonly hostSuffix?: string
  /** Default `/`. */
  readonly path?: string
  /** Connections per tenant; tenants share none, so one's queue is never another's. Default 256. */
  readonly connections?: number
  /** Silence before the first arrival. Default 5. */
  readonly pauseMs?: number
  /** How long after the last arrival answers are waited for. Default 10 000. */
  readonly timeoutMs?: number
  /** Ends the arrivals; unlike with the signal of {@link runLoad}, answers are waited for and counted. */
  readonly enough?: AbortSignal
  /** Told of every outcome: whose, when it was to start (as `performance.now()` counts) and its latency, ms. */
  readonly onOutcome?: (name: string, intendedMs: number, latencyMs: number, outcome: Outcome) => void
}

/** What was measured. */
export interface LoadResult {
  /** The time offered, in seconds: as asked for, or until the run was stopped. */
  readonly seconds: number
  readonly tenants: readonly TenantResult[]
  /** Why requests failed, per tenant: empty if none did. */
  readonly failures: readonly { readonly name: string; readonly reason: string; readonly count: number }[]
}

/** Nothing listens where the load should go. */
export class UnreachableError extends Error {}

interface Stream {
  readonly tally: Tally
  arrivalsMs: Float64Array
  readonly agent: Agent
  readonly host: string
  next: number
}

/**
 * Offers HTTP requests to a local edge, open loop: arrival times are drawn up front and kept whatever the
 * server does, and latency counts from the intended start, so that a stall shows in every request it delayed
 * (no coordinated omission).
 *
 * @param signal stops the run; requests then still unanswered are not counted
 * @param onProgress called about once a second
 * @throws UnreachableError before anything is sent, if nothing listens on the port
 */
export async function runLoad(
  options: LoadOptions,
  signal?: AbortSignal,
  onProgress?: (soFar: LoadResult) => void,
): Promise<LoadResult> {
  await assertReachable(options.port)
  const streams = options.tenants.map((tenant) => openStream(tenant, options))
  const startMs = performance.now() + (options.pauseMs ?? 5)
  const elapsedSeconds = () => Math.min(options.seconds, Math.max(0, performance.now() - startMs) / 1_000)
  const tell = () => performance.now() > startMs && onProgress?.(summary(streams, elapsedSeconds()))
  const report = setInterval(tell, 1_000)
  let offeredSeconds = options.seconds
  options.enough?.addEventListener('abort', () => (offeredSeconds = elapsedSeconds()), { once: true })
  try {
    await offer(streams, options, startMs, signal)
  } finally {
    clearInterval(report)
    for (const stream of streams) stream.agent.destroy()
  }
  return summary(streams, signal?.aborted ? elapsedSeconds() : offeredSeconds)
}

function openStream(tenant: { name: string; perSecond: number }, options: LoadOptions): Stream {
  const random = seededRandom(options.seed ?? 1, tenant.name)
  return {
    tally: new Tally(tenant.name),
    arrivalsMs: drawArrivals(tenant.perSecond, options.seconds, options.arrivals ?? 'even', random),
    agent: new Agent({ keepAlive: true, maxSockets: options.connections ?? 256 }),
    host: `${tenant.name}.${options.hostSuffix ?? 'localhost'}`,
    next: 0,
  }
}

/** Sends everything at its time and waits for the answers. */
function offer(
  streams: readonly Stream[],
  options: LoadOptions,
  startMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const unanswered = new Map<symbol, Tally>()
    const finish = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      options.enough?.removeEventListener('abort', cut)
      resolve()
    }
    const cut = () => {
      clearTimeout(timer)
      for (const stream of streams) stream.arrivalsMs = stream.arrivalsMs.subarray(0, stream.next)
      tick()
    }
    const giveUp = () => {
      for (const tally of unanswered.values()) tally.record({ failure: 'no answer in time' }, 0)
      finish()
    }
    const send = (stream: Stream, intendedMs: number) => {
      const id = Symbol()
      unanswered.set(id, stream.tally)
      exchange(stream, options, (outcome) => {
        unanswered.delete(id)
        const latencyMs = performance.now() - intendedMs
        stream.tally.record(outcome, latencyMs)
        options.onOutcome?.(stream.tally.name, intendedMs, latencyMs, outcome)
        if (unanswered.size === 0 && streams.every(({ next, arrivalsMs }) => next === arrivalsMs.length))
          finish()
      })
    }
    const tick = () => {
      const nowMs = performance.now() - startMs
      let soonestMs = Number.POSITIVE_INFINITY
      for (const stream of streams) {
        for (; stream.next < stream.arrivalsMs.length; stream.next++) {
          const atMs = stream.arrivalsMs[stream.next]!
          if (atMs > nowMs) {
            soonestMs = Math.min(soonestMs, atMs)
            break
          }
          send(stream, startMs + atMs)
        }
      }
      if (soonestMs < Number.POSITIVE_INFINITY) timer = setTimeout(tick, soonestMs - nowMs)
      else if (unanswered.size > 0) timer = setTimeout(giveUp, options.timeoutMs ?? 10_000)
      else if (options.enough?.aborted) finish()
      else timer = setTimeout(finish, Math.max(0, options.seconds * 1_000 - nowMs)) // only idle tenants
    }
    signal?.addEventListener('abort', finish, { once: true })
    options.enough?.addEventListener('abort', cut, { once: true })
    if (signal?.aborted) finish()
    else tick()
  })
}

type Ended = (outcome: Outcome) => void

/** One request; `ended` is called exactly once, after the last byte. */
function exchange(stream: Stream, options: LoadOptions, ended: Ended, isRetry = false): void {
  const { port, path = '/' } = options
  const sent = request({ host: '127.0.0.1', port, path, agent: stream.agent, headers: { host: stream.host } })
  let settled = false
  const settle: Ended = (outcome) => {
    if (settled) return
    settled = true
    ended(outcome)
  }
  sent.on('response', (answer) => {
    answer.on('end', () => {
      settle({ status: answer.statusCode ?? 0, borrowed: answer.headers['stint-borrowed'] === '1' })
    })
    answer.on('error', (error) => settle({ failure: reasonOf(error) }))
    answer.resume()
  })
  sent.on('error', (error) => {
    // A server may close an idle connection just as it is used again: such a request never arrived (RFC 9112, 9.3.1).
    if (!settled && !isRetry && sent.reusedSocket && reasonOf(error) === 'ECONNRESET') {
      settled = true
      exchange(stream, options, ended, true)
    } else settle({ failure: reasonOf(error) })
  })
  sent.end()
}

function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

function summary(streams: readonly Stream[], seconds: number): LoadResult {
  return {
    seconds,
    tenants: streams.map(({ tally }) => tally.result(seconds)),
    failures: streams.flatMap(({ tally }) =>
      [...tally.failures].map(([reason, count]) => ({ name: tally.name, reason, count })),
    ),
  }
}

function assertReachable(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', (error) => {
      reject(new UnreachableError(`nothing answers on 127.0.0.1:${port} (${reasonOf(error)})`))
    })
  })
}
