import { presumeServing } from '../../../src/core/migration/serving-lease.ts'
import { SteadyClock } from '../../../src/core/steady-clock.ts'
import type { SimClock } from '../faults/clock.ts'
import type { ClusterParts } from './parts.ts'
import type { ClusterPlan, ClusterTerms } from './plan.ts'

/**
 * Until when each node may serve, as far as one object of the coordinator can tell: on a clock that counts no
 * more between two looks than there should have been between them, however the wall clock is set.
 */
export class ServingWatch {
  readonly #clock: SimClock
  readonly #terms: ClusterTerms
  readonly #hasLapsed: ClusterParts['servingLapsed']
  readonly #steady: SteadyClock
  readonly #untilMs: Map<string, number>

  constructor(clock: SimClock, { nodes, terms }: ClusterPlan, hasLapsed: ClusterParts['servingLapsed']) {
    this.#clock = clock
    this.#terms = terms
    this.#hasLapsed = hasLapsed
    this.#steady = new SteadyClock(clock.nowMs())
    // Whoever served before this object began may do so for a whole lease more.
    this.#untilMs = new Map(nodes.map(({ name }) => [name, terms.serving.ttlMs]))
  }

  /** To be called at least once a heartbeat. */
  tick(): void {
    this.#nowMs()
  }

  /** A node has reported: it is about to have its lease renewed. */
  heard(node: string): void {
    this.#untilMs.set(node, presumeServing(this.#nowMs(), this.#untilMs.get(node)!, this.#terms.serving))
  }

  /** Whether a node has certainly stopped serving. */
  lapsed(node: string): boolean {
    return this.#hasLapsed(this.#nowMs(), this.#untilMs.get(node)!)
  }

  #nowMs(): number {
    return this.#steady.read(this.#clock.nowMs(), this.#terms.heartbeatMs)
  }
}
