import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fluidBound, loadRiskBound } from '../../../src/core/planner/bounds.ts'
import { wattsAt } from '../../../src/core/planner/power.ts'

const G4 = [86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117]
const G5 = [93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135]

describe('the fluid bound', () => {
  it('fills the nodes that serve a token for the fewest watts first', () => {
    const classes = [
      { count: 2, capacity: 3720, asleep: 0, awake: G4 },
      { count: 2, capacity: 5320, asleep: 0, awake: G5 },
    ]
    expect(fluidBound(classes, 0)).toBe(0)
    expect(fluidBound(classes, 5320)).toBeCloseTo(135)
    expect(fluidBound(classes, 2 * 5320 + 1860)).toBeCloseTo(270 + 117 / 2)
    expect(fluidBound(classes, 1e9)).toBeCloseTo(2 * (135 + 117))
  })

  it('pays for those asleep', () => {
    expect(fluidBound([{ count: 10, capacity: 100, asleep: 6, awake: G5 }], 100)).toBeCloseTo(135 + 9 * 6)
  })

  it('is never above what a placement pays', () => {
    const load = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null })
    const node = fc.record({ g5: fc.boolean(), load })
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 20 }),
        (nodes, asleep) => {
          const watts = nodes.map((n) => (n.load === null ? asleep : wattsAt(n.g5 ? G5 : G4, n.load)))
          const capacity = (n: { g5: boolean }) => (n.g5 ? 5320 : 3720)
          const demand = nodes.reduce((sum, n) => sum + capacity(n) * (n.load ?? 0), 0)
          const classes = nodes.map((n) => ({
            count: 1,
            capacity: capacity(n),
            asleep,
            awake: n.g5 ? G5 : G4,
          }))
          const paid = watts.reduce((a, b) => a + b, 0)
          expect(fluidBound(classes, demand)).toBeLessThanOrEqual(paid + 1e-6)
        },
      ),
    )
  })
})

describe('the bound of the load risk', () => {
  it('is 0 while everything fits below the limit', () => {
    expect(loadRiskBound([100, 200], 270, 0.9)).toBe(0)
  })

  it('is never above the risk of any split', () => {
    const parts = fc.array(
      fc.tuple(fc.integer({ min: 10, max: 500 }), fc.double({ min: 0, max: 2, noNaN: true })),
      {
        minLength: 1,
        maxLength: 10,
      },
    )
    fc.assert(
      fc.property(parts, (nodes) => {
        const risk = nodes.reduce((sum, [, load]) => sum + Math.max(0, load - 0.9) ** 2, 0)
        const demand = nodes.reduce((sum, [capacity, load]) => sum + capacity * load, 0)
        expect(
          loadRiskBound(
            nodes.map(([capacity]) => capacity),
            demand,
            0.9,
          ),
        ).toBeLessThanOrEqual(risk + 1e-9)
      }),
    )
  })

  it('is reached by a split in proportion to the squares of the capacities', () => {
    const excess = 500 - 0.9 * 300
    const loads = [0.9 + (excess * 100) / 50_000, 0.9 + (excess * 200) / 50_000]
    const risk = loads.reduce((sum, load) => sum + (load - 0.9) ** 2, 0)
    expect(loadRiskBound([100, 200], 500, 0.9)).toBeCloseTo(risk)
  })
})
