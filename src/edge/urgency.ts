/** Urgency of RFC 9218 (section 4.1) without a `Priority` field. */
export const DEFAULT_URGENCY = 3

/** A tenant's own bounds on what its requests may claim. */
export interface UrgencyRange {
  readonly min: number
  readonly max: number
}

/** The last `u` of the dictionary counts (RFC 9651, 4.2.2); what is no integer 0…7 is ignored. */
const URGENCY = /(?:^|[,\s])u=([0-7])(?=[\s,;]|$)/g

/** The urgency of a request, 0 (first) to 7, within its tenant's bounds. */
export function urgencyOf(priority: string | null, range: UrgencyRange): number {
  let urgency = DEFAULT_URGENCY
  if (priority !== null && priority.length <= 256) {
    for (const [, value] of priority.matchAll(URGENCY)) urgency = Number(value)
  }
  return Math.min(range.max, Math.max(range.min, urgency))
}
