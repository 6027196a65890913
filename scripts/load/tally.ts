import * as hdr from 'hdr-histogram-js'

/** What was measured for one tenant. Latencies are those of admitted requests, from the intended start. */
export interface TenantResult {
  readonly name: string
  /** Requests sent whose outcome is known: admitted + refused + failed. */
  readonly offered: number
  /** Answered 2xx. */
  readonly admitted: number
  /** Answered 429 or 503. */
  readonly refused: number
  /** Any other answer, a broken connection, or no answer in time. */
  readonly failed: number
  /** Admitted on borrowed tokens, as the edge says in `Stint-Borrowed: 1`. */
  readonly borrowed: number
  readonly admittedPerSecond: number
  /** Median in ms; 0 if nothing was admitted. */
  readonly p50Ms: number
  /** 99th percentile in ms; 0 if nothing was admitted. */
  readonly p99Ms: number
}

/** How a request ended: the status and whether it was borrowed, or why there was no answer. */
export type Outcome = { readonly status: number; readonly borrowed: boolean } | { readonly failure: string }

/** Counts one tenant's outcomes. */
export class Tally {
  readonly name: string
  admitted = 0
  refused = 0
  failed = 0
  borrowed = 0
  /** Why requests failed, and how often. */
  readonly failures = new Map<string, number>()
  // Microseconds up to 10 minutes, three significant digits: some 200 KiB per tenant.
  readonly #latencyUs = hdr.build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  })

  constructor(name: string) {
    this.name = name
  }

  /** Requests whose outcome is known. */
  get offered(): number {
    return this.admitted + this.refused + this.failed
  }

  /** Books one outcome; `latencyMs` counts from the intended start to the last byte. */
  record(outcome: Outcome, latencyMs: number): void {
    if ('failure' in outcome) this.#fail(outcome.failure)
    else if (outcome.status >= 200 && outcome.status < 300) {
      this.admitted++
      if (outcome.borrowed) this.borrowed++
      this.#latencyUs.recordValue(Math.min(600_000_000, Math.max(1, Math.round(latencyMs * 1_000))))
    } else if (outcome.status === 429 || outcome.status === 503) this.refused++
    else this.#fail(`status ${outcome.status}`)
  }

  #fail(reason: string): void {
    this.failed++
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1)
  }

  /** The figures over a time of `seconds`. */
  result(seconds: number): TenantResult {
    const { name, offered, admitted, refused, failed, borrowed } = this
    const percentileMs = (percent: number) =>
      admitted === 0 ? 0 : this.#latencyUs.getValueAtPercentile(percent) / 1_000
    const admittedPerSecond = seconds > 0 ? Math.round((admitted / seconds) * 100) / 100 : 0
    const [p50Ms, p99Ms] = [percentileMs(50), percentileMs(99)]
    return { name, offered, admitted, refused, failed, borrowed, admittedPerSecond, p50Ms, p99Ms }
  }
}
