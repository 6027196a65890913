import type { Lease } from './lease.ts'
import type { OriginTally } from './messages.ts'

/** First guess of the time a message takes there and back, until one was measured. */
const FIRST_ROUND_TRIP_MS = 50

const NO_TALLY: OriginTally = { requests: 0, failures: 0, timeouts: 0, totalMs: 0 }

/** The leases an isolate has from one node, and the state of its one conversation with it. */
export class NodeLine {
  readonly node: string
  readonly leases = new Map<string, Lease>()
  /** When the message in flight was sent; undefined when none is. Messages to one node never overlap. */
  sentAtMs: number | undefined
  /** Number of the message sent last: an answer to an earlier one comes too late. */
  flight = 0
  roundTripMs = FIRST_ROUND_TRIP_MS
  failures = 0
  /** While the node does not answer: not before this is it asked again. */
  retryAtMs = Number.NEGATIVE_INFINITY
  /** A report of what was used is planned for then, even if no message is needed for tokens. */
  reportDueAtMs = Number.NEGATIVE_INFINITY

  #origin: OriginTally | undefined

  constructor(node: string) {
    this.node = node
  }

  get inFlight(): boolean {
    return this.sentAtMs !== undefined
  }
  /** The last message was not answered, and it is too early to ask again. */
  unreachable(nowMs: number): boolean {
    return this.failures > 0 && nowMs < this.retryAtMs
  }

  /** Notes how the node's origin did with one request. */
  noteOrigin(outcome: 'answered' | 'failed' | 'timeout', ms: number): void {
    const { requests, failures, timeouts, totalMs } = this.#origin ?? NO_TALLY
    this.#origin = {
      requests: requests + 1,
      failures: failures + (outcome === 'failed' ? 1 : 0),
      timeouts: timeouts + (outcome === 'timeout' ? 1 : 0),
      totalMs: totalMs + Math.max(0, ms),
    }
  }

  /** What was noted since it was last taken. */
  takeOrigin(): OriginTally | undefined {
    const tally = this.#origin
    this.#origin = undefined
    return tally
  }

  /** The isolate's clock was set back: what lies ahead must not lie further ahead. */
  setBack(byMs: number): void {
    if (this.sentAtMs !== undefined) this.sentAtMs -= byMs
    this.retryAtMs -= byMs
    this.reportDueAtMs -= byMs
    for (const lease of this.leases.values()) lease.setBack(byMs)
  }
}
