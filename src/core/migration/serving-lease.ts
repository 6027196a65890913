/**
 * A node's lease to serve: what makes a forced takeover safe.
 *
 * The node renews it with every heartbeat to the coordinator and counts from the moment it *sent* the
 * heartbeat, on its own clock; the coordinator counts from the moment it received it, on its own. Only
 * durations are compared, so the clocks need not agree, only run about equally fast (within `marginMs` per
 * `ttlMs`), and the node always stops before the coordinator presumes it has.
 */

/** Durations of a lease to serve, integer ms; 0 ≤ marginMs < ttlMs. */
export interface ServingLeaseTerms {
  readonly ttlMs: number
  readonly marginMs: number
}

/**
 * When the node has to stop, on its own clock.
 * @param sentAtMs when it sent the heartbeat that was answered
 * @param validUntilMs what an earlier answer gave; a late answer never shortens it
 */
export function renewServing(sentAtMs: number, validUntilMs: number, terms: ServingLeaseTerms): number {
  return Math.max(validUntilMs, sentAtMs + terms.ttlMs - terms.marginMs)
}

/** Whether the node may serve now. */
export function mayServe(nowMs: number, validUntilMs: number): boolean {
  return nowMs < validUntilMs
}

/**
 * When the coordinator may presume that the node has stopped, on the coordinator's clock. It is stored
 * before the heartbeat is answered.
 */
export function presumeServing(
  receivedAtMs: number,
  presumedUntilMs: number,
  terms: ServingLeaseTerms,
): number {
  return Math.max(presumedUntilMs, receivedAtMs + terms.ttlMs)
}

/** Whether the node has certainly stopped. */
export function servingLapsed(nowMs: number, presumedUntilMs: number): boolean {
  return nowMs >= presumedUntilMs
}
