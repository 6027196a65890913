/** Upper bounds of the buckets of admission's latency, seconds; the last bucket has none. */
export const ADMISSION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const

/**
 * Why an isolate refuses: the tenant is over its quota; its node does not answer; it has no node yet; it moves too
 * often to be followed; the client's address is not allowed; no tenant was found, or not the right key.
 */
export type RefusalReason = 'quota' | 'unreachable' | 'unplaced' | 'moving' | 'address' | 'unidentified'

/** What one edge isolate counts about admission itself, for its metrics. Plain numbers in memory, never reset. */
export class EdgeTally {
  /** Requests decided from memory at once, and requests that waited for a message or for tokens. */
  atOnce = 0
  waited = 0
  /** Requests that wait now. */
  waiting = 0
  /** Messages sent to nodes. */
  messages = 0
  /** Seconds waited in all, and how many requests ended in each bucket, the one without a bound last. */
  waitedSeconds = 0
  /** Requests this isolate answered itself instead of forwarding them, by reason. */
  readonly refusals: Record<RefusalReason, number> = {
    quota: 0,
    unreachable: 0,
    unplaced: 0,
    moving: 0,
    address: 0,
    unidentified: 0,
  }
  readonly buckets: number[] = new Array(ADMISSION_BUCKETS.length + 1).fill(0)

  /** A request was decided without waiting. */
  decidedAtOnce(): void {
    this.atOnce++
    this.buckets[0]!++
  }

  /** A request begins to wait. */
  beginWait(): void {
    this.waiting++
  }

  /** A request has waited `ms`, whatever came of it. */
  endWait(ms: number): void {
    const seconds = Math.max(0, ms) / 1_000
    this.waiting--
    this.waited++
    this.waitedSeconds += seconds
    const at = ADMISSION_BUCKETS.findIndex((bound) => seconds <= bound)
    this.buckets[at < 0 ? ADMISSION_BUCKETS.length : at]!++
  }
}

/** What was counted, as it travels to whoever shows it. */
export type EdgeFigures = Omit<EdgeTally, 'decidedAtOnce' | 'beginWait' | 'endWait'>
