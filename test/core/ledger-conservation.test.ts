import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Ledger } from '../../src/core/ledger.ts'
import { history, worldPlan } from './ledger/plans.ts'
import { World } from './ledger/world.ts'

/**
 * Points 2, 3, 4 and 8 of the ledger's promises, checked after every operation of random histories, and
 * that the histories are not empty: everything the ledger can answer must have occurred.
 */
describe.each([
  { levels: 1, of: 'tenants' },
  { levels: 2, of: 'tenants with devices' },
] as const)('conservation, bounds and reasons of refusal: $of', ({ levels }) => {
  test.each([
    ['spends, leases and refunds', {}],
    ['with a clock that goes backwards', { clock: true }],
    ['with costs booked afterwards', { charges: true, clock: true }],
    ['with restarts', { restarts: true, clock: true }],
    ['with accounts that come, change and go', { changes: true, charges: true, clock: true }],
  ])('%s', (_, also) => {
    const sum: Record<string, number> = {}
    fc.assert(
      fc.property(worldPlan(levels), history(levels, also), (plan, steps) => {
        const world = new World(Ledger, plan)
        for (const step of steps) world.play(step)
        for (const [key, count] of Object.entries({ ...world.tally, ...world.rounds })) {
          sum[key] = (sum[key] ?? 0) + count
        }
      }),
      { numRuns: 800 },
    )
    for (const key of ['granted', 'borrowed', 'refused', 'atCeiling', 'redistributed', 'ownDebt']) {
      expect(sum[key], key).toBeGreaterThan(50)
    }
  })
})
