import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../src/core/planner/memory.ts'
import { type Plan, type PlanInput, TERMS } from '../../../src/core/planner/model.ts'
import { plan } from '../../../src/core/planner/plan.ts'
import { clusters, tempers } from './cases.ts'

const RUNS = { numRuns: 400 }

/** Constraints broken by a placement, as text; a tenant is only blamed for what it does to others. */
function broken({ nodes, tenants }: PlanInput): string[] {
  const found: string[] = []
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const base = new Map<string, number>()
  const groups = new Map<string, number>()
  for (const tenant of tenants) {
    if (tenant.node === null) continue
    const node = byId.get(tenant.node)!
    base.set(node.id, (base.get(node.id) ?? 0) + tenant.base)
    if (tenant.zones.length > 0 && !tenant.zones.includes(node.zone)) found.push(`${tenant.id} zone`)
    if (tenant.pin !== null && tenant.pin !== node.id) found.push(`${tenant.id} pin`)
    if (node.state === 'standby' || node.state === 'failed' || node.state === 'draining')
      found.push(`${tenant.id} ${node.state}`)
    if (tenant.group === null) continue
    const key = `${node.id} ${tenant.group}`
    groups.set(key, (groups.get(key) ?? 0) + 1)
  }
  for (const [id, sum] of base) if (sum > byId.get(id)!.capacity * (1 + 1e-9)) found.push(`${id} capacity`)
  for (const [key, count] of groups) for (let i = 1; i < count; i++) found.push(`${key} group ${i}`)
  return found
}

describe('a plan', () => {
  it('never breaks a constraint, and never puts a node with tenants to sleep', () => {
    let moves = 0
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const made = plan(input, settings, { compare: false })
        moves += made.moves.length
        const before = new Set(broken(input))
        expect(broken(applyPlan(input, made)).filter((each) => !before.has(each))).toEqual([])
        const open = new Set(
          input.nodes.filter(({ state }) => state === 'active' || state === 'waking').map(({ id }) => id),
        )
        for (const node of made.wake) open.add(node)
        for (const move of made.moves) expect(open).toContain(move.to)
      }),
      RUNS,
    )
    expect(moves).toBeGreaterThan(100)
  })

  it('never is below a bound', () => {
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const made = plan(input, settings, { compare: false })
        for (const term of TERMS) {
          expect(made.after.terms[term]).toBeGreaterThanOrEqual(
            made.bound[term] - 1e-6 * Math.max(1, made.bound[term]),
          )
        }
      }),
      RUNS,
    )
  })

  it('is the same for the same input, in whatever order it is listed', () => {
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const made = plan(input, settings)
        const turned = { ...input, nodes: [...input.nodes].reverse(), tenants: [...input.tenants].reverse() }
        expect(plan(turned, settings)).toEqual(made)
        expect(JSON.parse(JSON.stringify(made))).toEqual(made)
      }),
      RUNS,
    )
  })

  it('never moves what is pinned where it is, or moved a moment ago without need', () => {
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const byId = new Map(input.tenants.map((tenant) => [tenant.id, tenant]))
        for (const { tenant, rule } of plan(input, settings, { compare: false }).moves) {
          const { pin, node } = byId.get(tenant)!
          if (pin !== null) expect(pin).not.toBe(node)
          const age = input.nowMs - (input.memory.movedAtMs[tenant] ?? Number.NEGATIVE_INFINITY)
          if (rule !== 'place' && rule !== 'constraint' && rule !== 'evacuate') {
            expect(age).toBeGreaterThanOrEqual(settings.minStayMs)
          }
        }
      }),
      RUNS,
    )
  })

  it('applied to its own result proposes nothing', () => {
    let sleeps = 0
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const made = plan(input, settings, { compare: false })
        sleeps += made.standby.length
        const again: Plan = plan(applyPlan(input, made), settings, { compare: false })
        expect({ moves: again.moves, wake: again.wake, standby: again.standby }).toEqual({
          moves: [],
          wake: [],
          standby: [],
        })
      }),
      RUNS,
    )
    expect(sleeps).toBeGreaterThan(10)
  })

  it('moves each tenant once, and explains exactly what changes', () => {
    fc.assert(
      fc.property(clusters, tempers, (input, settings) => {
        const made = plan(input, settings, { compare: false })
        const moved = made.moves.map(({ tenant }) => tenant)
        expect(new Set(moved).size).toBe(moved.length)
        const homes = new Map(input.tenants.map(({ id, node }) => [id, node]))
        for (const { tenant, from, to } of made.moves) {
          expect(from).toBe(homes.get(tenant))
          expect(to).not.toBe(from)
        }
        const touched = new Set(made.moves.flatMap(({ from, to }) => [from, to]))
        if (![...made.wake, ...made.standby].every((node) => touched.has(node))) return
        for (const term of TERMS) {
          const sum = made.moves.reduce((total, { change }) => total + change[term], made.before.terms[term])
          expect(sum).toBeCloseTo(made.after.terms[term], 6)
        }
      }),
      RUNS,
    )
  })
})
