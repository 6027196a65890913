import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Ledger } from '../../src/core/ledger.ts'
import { history, worldPlan } from './ledger/plans.ts'
import { Twins } from './ledger/twins.ts'

describe('a spend that is booked in few steps decides and books what the general way would', () => {
  const all = { changes: true, charges: true, clock: true, restarts: true }
  test.each([
    { of: 'tenants', levels: 1, also: all },
    { of: 'tenants with devices', levels: 2, also: all },
    { of: 'tenants with devices that ask for little', levels: 2, also: { light: true } },
  ] as const)('$of', ({ levels, also }) => {
    let plainSeen = 0
    fc.assert(
      fc.property(worldPlan(levels), history(levels, also), (plan, steps) => {
        const twins = new Twins(Ledger, plan)
        for (const step of steps) twins.play(step)
        plainSeen += twins.plainSeen
      }),
      { numRuns: 1000 },
    )
    expect(plainSeen).toBeGreaterThan(1000)
  })
})
