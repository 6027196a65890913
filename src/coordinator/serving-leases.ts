import type { HealthTerms } from '../core/health.ts'
import { presumeServing, type ServingLeaseTerms, servingLapsed } from '../core/migration/serving-lease.ts'
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
 * is stored, for whoever comes after it, runs up to one term ahead, so that a report is written down only once a
 * term: a successor waits so much longer at most.
 */
export class ServingLeases {
  readonly #store: CoordinatorStore
  /** What predecessors may have granted. */
  readonly #before: ReadonlyMap<string, number>
  readonly #granted = new Map<string, number>()
  readonly #stored: Map<string, number>

  constructor(store: CoordinatorStore) {
    this.#store = store
    const rows = store.all<{ node: string; until_ms: number }>('SELECT node, until_ms FROM serving')
    this.#before = new Map(rows.map(({ node, until_ms }) => [node, until_ms]))
    this.#stored = new Map(this.#before)
  }

  /** Grants a node its lease; durable before the answer leaves. */
  grant(node: string, nowMs: number, terms: ServingLeaseTerms): void {
    const untilMs = presumeServing(nowMs, this.#granted.get(node) ?? 0, terms)
    this.#granted.set(node, untilMs)
    if (untilMs <= (this.#stored.get(node) ?? 0)) return
    this.#stored.set(node, untilMs + terms.ttlMs)
    this.#store.run('INSERT OR REPLACE INTO serving VALUES (?, ?)', node, untilMs + terms.ttlMs)
  }

  /** When the node has certainly stopped unless it is heard again; 0 for one that never served. */
  untilMs(node: string): number {
    return Math.max(this.#before.get(node) ?? 0, this.#granted.get(node) ?? 0)
  }

  /** Whether the node has certainly stopped serving. */
  lapsed(node: string, nowMs: number): boolean {
    return servingLapsed(nowMs, this.untilMs(node))
  }
}
