import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { CoordinatorStore } from '../../src/coordinator/coordinator-store.ts'
import { Power } from '../../src/coordinator/plans-power.ts'
import { advancePlan, beginPlan, type RunPorts } from '../../src/coordinator/plans-run.ts'
import {
  insertPlan,
  movesOf,
  planRow,
  readDocument,
  writeDocument,
} from '../../src/coordinator/plans-store.ts'
import type { PlanInput } from '../../src/core/planner/model.ts'
import { plan } from '../../src/core/planner/plan.ts'
import { DEFAULT_SETTINGS } from '../../src/core/planner/settings.ts'
import { ok } from '../../src/core/result.ts'
import { aNode, anInput, aTenant } from '../core/planner/cases.ts'

const bindings = env as unknown as { COORDINATOR: DurableObjectNamespace<CoordinatorObject> }

/** One transfer at a time, so that two tenants of a draining node leave in two waves. */
const SETTINGS = { ...DEFAULT_SETTINGS, transfersPerNode: 1, recheckMs: 1_000 }
const tenants = ['t1', 't2'].map((id) => aTenant(id, 'a'))

/** The draining node, and another that takes tenants or does not. */
const at = (nowMs: number, state: 'active' | 'cordoned', home = 'a'): PlanInput =>
  anInput(
    [aNode('a', { state: 'draining' }), aNode('b', { state })],
    [{ ...tenants[0]!, node: home }, tenants[1]!],
    {
      nowMs,
    },
  )

/** The first wave of a plan ends `checkedAgoMs` after the last check, when `b` has become `state`. */
async function secondWave(name: string, state: 'active' | 'cordoned', checkedAgoMs: number) {
  return await runInDurableObject(bindings.COORDINATOR.getByName(name), async (_, { storage }) => {
    const store = new CoordinatorStore(storage)
    for (const { id } of tenants) {
      store.run(
        `INSERT INTO tenants (name, manifest, generation, revision, created_ms, base_micro, due, node, issued_epoch)
         VALUES (?, '{}', 1, 1, 1, 1, 0, 'a', 1)`,
        id,
      )
    }
    const begunMs = Date.now()
    const made = plan(at(begunMs - SETTINGS.recheckMs, 'active'), SETTINGS)
    expect(made.moves.map(({ tenant, wave }) => [tenant, wave])).toEqual([
      ['t1', 0],
      ['t2', 1],
    ])
    const id = insertPlan(store, made, 'recommend', begunMs)
    const open = new Set<string>()
    const ports: RunPorts = {
      store,
      power: new Power(store, { rules: [], secret: undefined }, () => 'free'),
      moves: {
        start: (tenant) => ok(void open.add(tenant)),
        isOpen: (tenant) => open.has(tenant),
        touches: () => false,
        drive: async () => {},
      },
      failed: () => {},
      changed: () => {},
    }
    beginPlan(ports, planRow(store, id)!, { ...made, heldBack: [] }, at(begunMs, 'active'), SETTINGS)
    const step = (input: (nowMs: number) => PlanInput) =>
      advancePlan(ports, planRow(store, id)!, { read: input, settings: SETTINGS })
    const states = () => movesOf(store, id).map((it) => it.state)
    await step((nowMs) => at(nowMs, 'active'))
    expect(states()).toEqual(['moving', 'waiting'])
    store.run(`UPDATE tenants SET node = 'b' WHERE name = 't1'`)
    const run = readDocument<object>(store, 'run')!
    writeDocument(store, 'run', { ...run, checkedMs: Date.now() - checkedAgoMs })
    await step((nowMs) => at(nowMs, state, 'b'))
    return { states: states(), reason: movesOf(store, id)[1]!.reason }
  })
}

it('holds a later wave against the present once the last check is old', async () => {
  const after = await secondWave('run-old', 'cordoned', 1_500)
  expect(after).toEqual({ states: ['done', 'dropped'], reason: 'a constraint forbids it' })
})

it('begins a later wave that still may run, and one that follows a check at once', async () => {
  expect((await secondWave('run-fine', 'active', 1_500)).states).toEqual(['done', 'moving'])
  expect((await secondWave('run-new', 'cordoned', 0)).states).toEqual(['done', 'moving'])
})
