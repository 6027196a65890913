import { HEALTH_TERMS, type HealthTerms } from '../core/health.ts'
import { presumeServing, type ServingLeaseTerms, servingLapsed } from '../core/migration/serving-lease.ts'
import { SteadyClock } from '../core/steady-clock.ts'
import type { CoordinatorStore } from './coordinator-store.ts'

/**
 * How long a node may serve on one report: until it counts as failed if it is never heard again, and by its own
 * clock one interval less, so that it has stopped before anybody takes over.
 */
export function servingTerms({ intervalMs, failedAfter }: HealthTerms): ServingLeaseTerms {
  return { ttlMs: failedAfter * intervalMs, marginMs: intervalMs }
}

/**
 * The nodes' leases to serve, as the coordinator presumes them. What it has granted itself it knows exactly; what
 * is stored, for whoever comes after it, runs up to one term further, so that a report is written down only once a
 * term. A successor counts that from its own start, and so waits two terms at most.
 *
 * Only elapsed time counts, never where the wall clock stands: a clock that is set ahead counts for no more than the
 * margin by which nodes stop earlier, one that is set back for nothing.
 */
export class ServingLeases {
  readonly #store: CoordinatorStore
  readonly #clock: SteadyClock
  /** What predecessors may have granted, what this object has, and what is stored; ms on {@link #clock}. */
  readonly #before: ReadonlyMap<string, number>
  readonly #granted = new Map<string, number>()
  readonly #stored = new Map<string, number>()
  /** Time between two looks at the clock that is believed: more may be a clock that was set. */
  #believedMs: number = HEALTH_TERMS.intervalMs

  constructor(store: CoordinatorStore, nowMs: number) {
    this.#store = store
    this.#clock = new SteadyClock(nowMs)
    const rows = store.all<{ node: string; ahead_ms: number }>('SELECT node, ahead_ms FROM serving_ahead')
    this.#before = new Map(rows.map(({ node, ahead_ms }) => [node, ahead_ms]))
  }

  /** Grants a node its lease; durable before the answer leaves. */
  grant(node: string, nowMs: number, terms: ServingLeaseTerms): void {
    this.#believedMs = Math.min(this.#believedMs, terms.marginMs)
    const atMs = this.#elapsedMs(nowMs)
    const untilMs = presumeServing(atMs, this.#granted.get(node) ?? 0, terms)
    this.#granted.set(node, untilMs)
    if (untilMs <= (this.#stored.get(node) ?? 0)) return
    const aheadMs = untilMs + terms.ttlMs
    this.#stored.set(node, aheadMs)
    this.#store.run('INSERT OR REPLACE INTO serving_ahead VALUES (?, ?, ?)', node, aheadMs - atMs, nowMs)
  }

  /** When the node has certainly stopped unless it is heard again, on the caller's clock; in the past if it has. */
  untilMs(node: string, nowMs: number): number {
    const untilMs = Math.max(this.#before.get(node) ?? 0, this.#granted.get(node) ?? 0)
    return nowMs + untilMs - this.#elapsedMs(nowMs)
  }

  /** Whether the node has certainly stopped serving. */
  lapsed(node: string, nowMs: number): boolean {
    return servingLapsed(nowMs, this.untilMs(node, nowMs))
  }

  /** Since this object began, as far as that is certain. */
  #elapsedMs(nowMs: number): number {
    return this.#clock.read(nowMs, this.#believedMs)
  }
}
