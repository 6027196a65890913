import type { FeedSnapshot } from '../core/feed.ts'

/** A data point as Analytics Engine takes it. */
export interface DataPoint {
  readonly indexes: string[]
  readonly blobs: string[]
  readonly doubles: number[]
}

/** The platform takes 250 in one invocation. */
export const MAX_POINTS = 200

/**
 * What tenants did from one snapshot to the next, one point each: index and first blob the tenant, second blob
 * its node; doubles: requests admitted and refused, tokens spent and borrowed, the balance, the time between in
 * ms. Of the idle nothing is written; beyond {@link MAX_POINTS} the busiest are.
 */
export function dataPoints(before: FeedSnapshot, now: FeedSnapshot): DataPoint[] {
  const known = new Map(before.tenants.map((tenant) => [tenant.name, tenant]))
  const busy = now.tenants.flatMap((tenant) => {
    const old = known.get(tenant.name)
    if (old === undefined) return []
    // Counters only grow; a lower one belongs to an account that began anew.
    const grown = (field: 'admitted' | 'refused' | 'spentTotal' | 'borrowedTotal') =>
      Math.max(0, tenant[field] - old[field])
    const counts = [grown('admitted'), grown('refused'), grown('spentTotal'), grown('borrowedTotal')]
    if (counts.every((count) => count === 0)) return []
    return [{ tenant, counts, requests: counts[0]! + counts[1]! }]
  })
  busy.sort((a, b) => b.requests - a.requests || (a.tenant.name < b.tenant.name ? -1 : 1))
  return busy.slice(0, MAX_POINTS).map(({ tenant, counts }) => ({
    indexes: [tenant.name],
    blobs: [tenant.name, tenant.node ?? ''],
    doubles: [...counts, tenant.balance, now.atMs - before.atMs],
  }))
}
