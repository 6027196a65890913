import { describe, expect, it } from 'vitest'
import { checkHook, hookWaitMs } from '../../src/core/hook.ts'
import { parseOriginRules } from '../../src/core/origin.ts'
import { DEFAULT_PLACEMENT, plannerSettings, stricter } from '../../src/core/placement.ts'
import { partOf } from '../../src/core/plan-part.ts'
import type { PlannedMove } from '../../src/core/planner/model.ts'

const NOTHING = { load: 0, energy: 0, cost: 0, carbon: 0, resilience: 0 }

function move(tenant: string, from: string, to: string, bundle: number): PlannedMove {
  return { tenant, from, to, rule: 'consolidate', bundle, wave: 0, change: NOTHING }
}

describe('the part of a plan that may run', () => {
  const moves = [move('a', 'n1', 'n2', 1), move('b', 'n1', 'n3', 1), move('c', 'n4', 'n5', 2)]
  const plan = { moves, wake: ['n3', 'n5', 'n9'], standby: ['n1', 'n4', 'n7'] }

  it('leaves a bundle out whole, with the nodes only it needs and those it would have emptied', () => {
    const part = partOf(plan, (tenant) => tenant !== 'b')
    expect(part.moves).toEqual([moves[2]])
    expect(part.wake).toEqual(['n5', 'n9'])
    expect(part.standby).toEqual(['n4', 'n7'])
    expect(part.heldBack).toEqual([{ bundle: 1, tenant: 'b' }])
  })

  it('is the whole plan when everybody may be moved', () => {
    expect(partOf(plan, () => true)).toEqual({ ...plan, heldBack: [] })
  })
})

describe('settings', () => {
  it('puts no node to standby without a hook', () => {
    expect(plannerSettings(DEFAULT_PLACEMENT).nodesPerHour).toBe(0)
    const hook = { url: 'https://hooks.example/power', timeoutMs: 1_000 }
    const set = plannerSettings({ ...DEFAULT_PLACEMENT, hook, profile: 'eco', planner: { z: 2 } })
    expect(set).toMatchObject({ nodesPerHour: 0.1, profile: 'eco', z: 2, sampleMs: 60_000 })
  })

  it('takes the stricter of two modes', () => {
    expect(stricter('automatic', 'recommend')).toBe('recommend')
    expect(stricter('manual', 'automatic')).toBe('manual')
  })
})

describe('hooks', () => {
  const rules = (list: string) => {
    const parsed = parseOriginRules(list)
    if (!parsed.ok) throw new Error(parsed.error)
    return parsed.value
  }

  it('are https, or http on the machine itself when it is named', () => {
    const allowed = rules('hooks.example, 127.0.0.1:9000, 10.0.0.7:80')
    const ok = (url: string) => checkHook(url, allowed).ok
    expect(ok('https://hooks.example/power')).toBe(true)
    expect(ok('http://127.0.0.1:9000/power')).toBe(true)
    expect(ok('http://hooks.example/power')).toBe(false)
    expect(ok('http://10.0.0.7/power')).toBe(false)
    expect(ok('http://127.0.0.1:9001/power')).toBe(false)
    expect(ok('http://u:p@127.0.0.1:9000/power')).toBe(false)
    expect(ok('https://other.example/')).toBe(false)
    expect(ok('not a url')).toBe(false)
    // "any public name" never means the machine itself.
    expect(checkHook('http://127.0.0.1/', rules('*')).ok).toBe(false)
  })

  it('are called again after 1, 2, 4 … 60 s', () => {
    expect([1, 2, 3, 20].map(hookWaitMs)).toEqual([1_000, 2_000, 4_000, 60_000])
  })
})
