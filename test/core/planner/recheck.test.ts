import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plan } from '../../../src/core/planner/plan.ts'
import { recheck } from '../../../src/core/planner/recheck.ts'
import { aNode, anInput, aTenant, clusters, EAGER, NOW_MS, tempers } from './cases.ts'

const input = anInput(
  [aNode('a'), aNode('b'), aNode('c')],
  [aTenant('t1', 'a'), aTenant('t2', 'b'), aTenant('t3', 'b'), aTenant('t4', 'c'), aTenant('t5', 'c')],
)
const made = plan(input, EAGER)
const later = { ...input, nowMs: NOW_MS + 15_000 }

describe('a plan that is checked again', () => {
  it('must be 15 s old', () => {
    expect(made.moves.map(({ tenant }) => tenant)).toEqual(['t1'])
    const early = recheck(made, { ...input, nowMs: NOW_MS + 14_999 }, EAGER)
    expect(early).toMatchObject({
      moves: [],
      standby: [],
      waitMs: 1,
      dropped: [{ reason: 'too early to run' }],
    })
  })

  it('is kept whole while nothing has changed', () => {
    fc.assert(
      fc.property(clusters, tempers, (cluster, settings) => {
        const fresh = plan(cluster, settings, { compare: false })
        const now = { ...cluster, nowMs: cluster.nowMs + settings.recheckMs }
        const { moves, wake, standby, dropped } = recheck(fresh, now, settings)
        expect({ moves, dropped }).toEqual({ moves: fresh.moves, dropped: [] })
        expect(wake).toEqual(fresh.wake)
        expect(standby).toEqual(fresh.standby)
      }),
      { numRuns: 200 },
    )
  })

  it('loses the bundle whose tenant moved, whose target filled up or may not be used', () => {
    const to = made.moves[0]!.to
    const elsewhere = to === 'b' ? 'c' : 'b'
    const reasonFor = (change: Partial<typeof later>) => {
      const result = recheck(made, { ...later, ...change }, EAGER)
      expect(result.moves).toEqual([])
      return result.dropped[0]?.reason
    }
    const [t1, ...others] = input.tenants
    expect(reasonFor({ tenants: [{ ...t1!, node: elsewhere }, ...others] })).toBe('the tenant has moved')
    expect(reasonFor({ tenants: others })).toBe('the tenant or the node is gone')
    const cordoned = input.nodes.map((node) =>
      node.id === to ? { ...node, state: 'cordoned' as const } : node,
    )
    expect(reasonFor({ nodes: cordoned })).toBe('a constraint forbids it')
    const hungry = input.tenants.map((each) => (each.node === to ? { ...each, mean: 80, demand: 80 } : each))
    expect(reasonFor({ tenants: hungry })).toBe('the target has filled up')
    expect(reasonFor({ tenants: [{ ...t1!, automatic: false }, ...others] })).toBe('the tenant must stay')
  })

  it('lets no node sleep that somebody has moved to', () => {
    const arrived = [...input.tenants, aTenant('t6', made.standby[0]!)]
    expect(recheck(made, { ...later, tenants: arrived }, EAGER).standby).toEqual([])
  })
})
