import { mayServe, renewServing, type ServingLeaseTerms } from '../core/migration/serving-lease.ts'

/**
 * The node's lease to serve. In memory only: an object that was away, for however long, serves nobody before the
 * coordinator has heard it again.
 */
export class Serving {
  #untilMs = Number.NEGATIVE_INFINITY
  #seenMs = Number.NEGATIVE_INFINITY

  /** Whether the node may serve now. A clock that was set back ends the lease: nobody knows how long it has run. */
  live(nowMs: number): boolean {
    if (nowMs < this.#seenMs) this.#untilMs = Number.NEGATIVE_INFINITY
    this.#seenMs = nowMs
    return mayServe(nowMs, this.#untilMs)
  }

  /** Takes the coordinator's answer to the report sent at `sentAtMs`. */
  renew(sentAtMs: number, terms: ServingLeaseTerms): void {
    this.#untilMs = renewServing(sentAtMs, this.#untilMs, terms)
  }
}
