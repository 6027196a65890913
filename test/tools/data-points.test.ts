import { describe, expect, it } from 'vitest'
import type { FeedSnapshot, FeedTenant } from '../../src/core/feed.ts'
import { dataPoints, MAX_POINTS } from '../../src/dashboard/data-points.ts'

function tenant(name: string, admitted: number, refused = 0): FeedTenant {
  const rest = { base: 1, owed: 0, granted: 0, wanted: 0, lent: 0, unreachable: 0, shadowed: 0, edges: 0 }
  const totals = { admitted, refused, spentTotal: admitted, borrowedTotal: 0 }
  return { name, node: 'n', epoch: 1, balance: -2, ...rest, ...totals }
}

function snapshot(atMs: number, tenants: readonly FeedTenant[]): FeedSnapshot {
  const placing = { migrations: { open: 0, ended: 0 }, plan: null }
  return { atMs, placing, revision: 1, nodes: [], tenants, leftOut: 0, events: [] }
}

describe('data points', () => {
  it('say what was done since the last ones, and nothing of the idle or the new', () => {
    const before = snapshot(1_000, [tenant('busy', 5, 1), tenant('idle', 9), tenant('anew', 50)])
    const now = snapshot(61_000, [
      tenant('busy', 8, 3),
      tenant('idle', 9),
      tenant('anew', 2),
      tenant('new', 7),
    ])
    expect(dataPoints(before, now)).toEqual([
      { indexes: ['busy'], blobs: ['busy', 'n'], doubles: [3, 2, 3, 0, -2, 60_000] },
    ])
  })

  it('are bounded: of many tenants the busiest', () => {
    const names = Array.from({ length: MAX_POINTS + 50 }, (_, i) => `t${i}`)
    const before = snapshot(
      0,
      names.map((name) => tenant(name, 0)),
    )
    const now = snapshot(
      1,
      names.map((name, i) => tenant(name, i + 1)),
    )
    const points = dataPoints(before, now)
    expect(points.length).toBe(MAX_POINTS)
    expect(points[0]!.indexes).toEqual([names.at(-1)])
  })
})
