import { describe, expect, it } from 'vitest'
import { applyPlan, remember, rememberFailure } from '../../../src/core/planner/memory.ts'
import { EMPTY_MEMORY, type PlanInput } from '../../../src/core/planner/model.ts'
import { plan } from '../../../src/core/planner/plan.ts'
import { aNode, anInput, aTenant, EAGER, NOW_MS } from './cases.ts'

const MINUTE_MS = 60_000
const moved = (made: ReturnType<typeof plan>) =>
  made.moves.map(({ tenant, to, rule }) => `${tenant}>${to} ${rule}`)

/** Three nodes of which one would do. */
const light = (change: Partial<PlanInput> = {}) =>
  anInput(
    [aNode('a'), aNode('b'), aNode('c')],
    [aTenant('t1', 'a'), aTenant('t2', 'b'), aTenant('t3', 'c')],
    change,
  )
const memoryOf = (belowForMs: number | null, upForMs = 1e9) => ({
  ...EMPTY_MEMORY,
  nodes: Object.fromEntries(
    ['a', 'b', 'c'].map((id) => [
      id,
      { belowSinceMs: belowForMs === null ? null : NOW_MS - belowForMs, upSinceMs: NOW_MS - upForMs },
    ]),
  ),
})

describe('the order of work', () => {
  it('finds a home for the homeless, most critical first', () => {
    const tenants = [
      aTenant('t1', null, { base: 60, criticality: 0.1 }),
      aTenant('t2', null, { base: 60, criticality: 0.9 }),
    ]
    const made = plan(anInput([aNode('a')], tenants), EAGER)
    expect(moved(made)).toEqual(['t2>a place'])
    expect(made.homeless).toEqual(['t1'])
  })

  it('restores a broken zone, pin and anti-affinity', () => {
    const nodes = [aNode('a'), aNode('b', { zone: 'z2' }), aNode('c')]
    const tenants = [
      aTenant('t1', 'a', { zones: ['z2'] }),
      aTenant('t2', 'a', { pin: 'c' }),
      aTenant('t3', 'c', { group: 'g' }),
      aTenant('t4', 'c', { group: 'g' }),
    ]
    const made = plan(anInput(nodes, tenants), { ...EAGER, moveCost: 1e9 })
    expect(moved(made).slice(0, 2)).toEqual(['t1>b constraint', 't2>c constraint'])
    expect(moved(made)).toHaveLength(3)
    expect(moved(made)[2]).toMatch(/^t3>[ab] constraint$/)
  })

  it('empties failing and draining nodes, waking one when there is no room', () => {
    const nodes = [aNode('a', { state: 'failed' }), aNode('b'), aNode('c', { state: 'standby' })]
    const tenants = [aTenant('t1', 'a', { base: 60, mean: 60 }), aTenant('t2', 'b', { base: 60, mean: 60 })]
    const made = plan(anInput(nodes, tenants), { ...EAGER, moveCost: 1e9 })
    expect(moved(made)).toEqual(['t1>c evacuate'])
    expect(made.wake).toEqual(['c'])
  })

  it('relieves an overloaded node with one move where one is enough', () => {
    const tenants = [
      aTenant('t1', 'a', { mean: 20 }),
      aTenant('t2', 'a', { mean: 40 }),
      aTenant('t3', 'a', { mean: 50 }),
      aTenant('t4', 'b', { mean: 30 }),
    ]
    const made = plan(anInput([aNode('a'), aNode('b')], tenants), { ...EAGER, moveCost: 1e9 })
    expect(moved(made)).toEqual(['t1>b overload'])
  })

  it('leaves a spike alone on a node that is light on average', () => {
    const tenants = [
      aTenant('t1', 'a', { mean: 20, demand: 80 }),
      aTenant('t2', 'a', { mean: 20, demand: 40 }),
    ]
    const input = anInput([aNode('a'), aNode('b')], tenants)
    const settings = { ...EAGER, moveCost: 1e9 }
    expect(plan(input, { ...settings, overloadMean: 0.8 }).moves).toEqual([])
    expect(plan(input, settings).moves).toHaveLength(1)
  })

  it('spends one move and no waking on a spike, as many as needed on what will last', () => {
    const nodes = [aNode('a'), aNode('b'), aNode('c', { state: 'standby' })]
    const settings = { ...EAGER, moveCost: 1e9, lastingLoad: 0.9, headroomNodes: 0, headroomShare: 0 }
    const crowd = (mean: number, elsewhere: number) =>
      plan(
        anInput(nodes, [
          aTenant('t1', 'a', { mean, demand: 40 }),
          aTenant('t2', 'a', { mean, demand: 40 }),
          aTenant('t3', 'a', { mean, demand: 41 }),
          aTenant('t4', 'b', { mean: elsewhere }),
        ]),
        settings,
      )
    expect(moved(crowd(20, 40))).toEqual(['t1>b overload'])
    expect(crowd(20, 70)).toMatchObject({ moves: [], wake: [] })
    expect(crowd(35, 70)).toMatchObject({ moves: [{ to: 'c', rule: 'overload' }], wake: ['c'] })
  })
})

describe('the stability rules', () => {
  it('let a node sleep after it has been light for a while, not before', () => {
    expect(plan(light({ memory: memoryOf(41 * MINUTE_MS) }), EAGER).standby).toHaveLength(1)
    expect(plan(light({ memory: memoryOf(39 * MINUTE_MS) }), EAGER).standby).toEqual([])
    expect(plan(light({ memory: memoryOf(null) }), EAGER).standby).toEqual([])
  })

  it('keep a node up for its minimum', () => {
    expect(plan(light({ memory: memoryOf(1e9, 19 * MINUTE_MS) }), EAGER).standby).toEqual([])
    expect(plan(light({ memory: memoryOf(1e9, 21 * MINUTE_MS) }), EAGER).standby).toHaveLength(1)
  })

  it('keep a tenant where it is for its minimum', () => {
    const at = (minutes: number) => {
      const movedAtMs = Object.fromEntries(['t1', 't2', 't3'].map((id) => [id, NOW_MS - minutes * MINUTE_MS]))
      return plan(light({ memory: { ...EMPTY_MEMORY, movedAtMs } }), EAGER).moves.length
    }
    expect(at(14)).toBe(0)
    expect(at(16)).toBeGreaterThan(0)
  })

  it('spend no more than the budget of nodes and tenants an hour', () => {
    const nodes = Array.from({ length: 20 }, (_, i) => aNode(`n${i}`))
    const tenants = nodes.map(({ id }, i) => aTenant(`t${i}`, id, { mean: 2, base: 1 }))
    const input = anInput(nodes, tenants)
    expect(plan(input, EAGER).standby.length).toBeGreaterThan(10)
    expect(plan(input, { ...EAGER, nodesPerHour: 0.1 }).standby).toHaveLength(2)
    expect(plan(input, { ...EAGER, tenantsPerHour: 0.15 }).moves).toHaveLength(3)
    const memory = {
      ...EMPTY_MEMORY,
      recentNodeChangesMs: [NOW_MS - 50 * MINUTE_MS, NOW_MS - 70 * MINUTE_MS],
    }
    expect(plan({ ...input, memory }, { ...EAGER, nodesPerHour: 0.1 }).standby).toHaveLength(1)
  })

  it('wake a node after the load has been high for a while', () => {
    const nodes = [aNode('a'), aNode('b', { state: 'standby' })]
    const tenants = [aTenant('t1', 'a', { mean: 45 }), aTenant('t2', 'a', { mean: 40 })]
    const settings = { ...EAGER, headroomNodes: 0, headroomShare: 0, moveCost: 1e9 }
    const wake = (sinceMs: number | null) => {
      const memory = { ...EMPTY_MEMORY, clusterAboveSinceMs: sinceMs }
      return plan(anInput(nodes, tenants, { memory }), settings).wake
    }
    expect(wake(null)).toEqual([])
    expect(wake(NOW_MS - 4 * MINUTE_MS)).toEqual([])
    expect(wake(NOW_MS - 5 * MINUTE_MS)).toEqual(['b'])
  })

  it('keep head-room awake: the largest node may fail', () => {
    const nodes = [aNode('a'), aNode('b', { state: 'standby' })]
    const input = anInput(nodes, [aTenant('t1', 'a', { mean: 5 })])
    expect(plan(input, EAGER).wake).toEqual(['b'])
    expect(plan(input, { ...EAGER, headroomNodes: 0 }).wake).toEqual([])
  })

  it('let a node trade places with a cheaper one asleep only if that has room, and the cluster head-room', () => {
    const frugal = { feePerHour: 0, power: { idleWatts: 40, peakWatts: 80 }, state: 'standby' as const }
    const nodes = [aNode('a', frugal), aNode('b'), aNode('c', { capacity: 200 })]
    const settings = { ...EAGER, headroomNodes: 0, headroomShare: 0, moveCost: 0, minGainPerDisruption: 0 }
    const trade = (demandOfC: number, demandOfB: number) => {
      const tenants = [
        aTenant('t1', 'b', { demand: demandOfB, pin: 'b' }),
        aTenant('t2', 'c', { demand: demandOfC }),
        aTenant('t3', 'c', { demand: 0, mean: 65 }),
      ]
      return plan(anInput(nodes, tenants), settings, { compare: false }).standby
    }
    expect(trade(94, 68)).toEqual(['c'])
    expect(trade(96, 5)).toEqual([])
    expect(trade(94, 69)).toEqual([])
  })

  it('keep room awake for a tenant that waits for its place', () => {
    const nodes = [aNode('a'), aNode('b')]
    const settings = { ...EAGER, headroomNodes: 0, headroomShare: 0 }
    const waits = (mean: number) => {
      const tenants = [
        aTenant('t1', 'a', { base: 100, pin: 'a' }),
        aTenant('t2', null, { base: 100, mean, pin: 'a' }),
      ]
      return plan(anInput(nodes, tenants), settings)
    }
    expect(waits(70)).toMatchObject({ homeless: ['t2'], standby: ['b'] })
    expect(waits(72)).toMatchObject({ homeless: ['t2'], standby: [] })
  })

  it('freeze when too many nodes have failed', () => {
    const state = 'failed' as const
    const nodes = [aNode('a', { state }), aNode('b'), aNode('c')]
    const tenants = [aTenant('t1', 'a')]
    expect(plan(anInput(nodes, tenants), EAGER).moves).toHaveLength(1)
    const worse = plan(anInput([aNode('a', { state }), aNode('b', { state }), aNode('c')], tenants), EAGER)
    expect(worse.moves).toEqual([])
    expect(worse.frozen).toBe('2 of 3 nodes have failed')
  })

  it('optimise only inside the windows', () => {
    const minute = Math.floor(NOW_MS / MINUTE_MS) % 1440
    const within = { ...EAGER, windows: [{ fromMinute: minute, toMinute: minute + 1 }] }
    const outside = { ...EAGER, windows: [{ fromMinute: minute + 1, toMinute: minute + 2 }] }
    const overnight = { ...EAGER, windows: [{ fromMinute: minute, toMinute: minute - 1 }] }
    expect(plan(light(), within).moves.length).toBeGreaterThan(0)
    expect(plan(light(), outside).moves).toEqual([])
    expect(plan(light(), overnight).moves.length).toBeGreaterThan(0)
  })

  it('let a pair that failed rest, longer after every failure', () => {
    const nodes = [aNode('a', { state: 'draining' }), aNode('b')]
    const at = (memory: PlanInput['memory'], afterMs: number) =>
      plan(anInput(nodes, [aTenant('t1', 'a')], { memory, nowMs: NOW_MS + afterMs }), EAGER).moves.length
    const once = rememberFailure(EMPTY_MEMORY, 't1', 'b', NOW_MS)
    const twice = rememberFailure(once, 't1', 'b', NOW_MS)
    expect([at(once, 4 * MINUTE_MS), at(once, 5 * MINUTE_MS)]).toEqual([0, 1])
    expect([at(twice, 9 * MINUTE_MS), at(twice, 10 * MINUTE_MS)]).toEqual([0, 1])
  })

  it('never move a tenant by themselves that is not on automatic', () => {
    const tenants = ['a', 'b', 'c'].map((node, i) => aTenant(`t${i}`, node, { automatic: false }))
    expect(plan({ ...light(), tenants }, EAGER).moves).toEqual([])
  })
})

describe('the memory', () => {
  it('knows since when a node has been light, and forgets it when it is not', () => {
    const first = remember(light())
    expect(first.nodes['a']?.belowSinceMs).toBe(NOW_MS)
    const later = remember({ ...light({ memory: first }), nowMs: NOW_MS + 1000 })
    expect(later.nodes['a']?.belowSinceMs).toBe(NOW_MS)
    const busy = { ...light({ memory: later }), tenants: [aTenant('t1', 'a', { mean: 50 })] }
    expect(remember(busy).nodes['a']?.belowSinceMs).toBeNull()
  })

  it('knows since when the cluster has been hot', () => {
    const hot = anInput([aNode('a')], [aTenant('t1', 'a', { mean: 90 })])
    expect(remember(hot).clusterAboveSinceMs).toBe(NOW_MS)
    expect(
      remember(light({ memory: { ...EMPTY_MEMORY, clusterAboveSinceMs: 5 } })).clusterAboveSinceMs,
    ).toBeNull()
  })

  it('books what a plan does', () => {
    const input = light()
    const made = plan(input, EAGER)
    const { memory, nodes } = applyPlan(input, made)
    expect(memory.recentMovesMs).toHaveLength(made.moves.length)
    expect(memory.recentNodeChangesMs).toHaveLength(made.standby.length)
    expect(nodes.filter(({ state }) => state === 'standby').map(({ id }) => id)).toEqual(
      [...made.standby].sort(),
    )
  })
})
