import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import type { NodeView, TenantView } from '../../src/core/coordinator-api.ts'
import type { EnergyView, PlacementState, PlanSummary, PlanView } from '../../src/core/placement.ts'
import { API, adminOf, node, tenant } from './admin-client.ts'

const bindings = env as unknown as { COORDINATOR: DurableObjectNamespace<CoordinatorObject> }

/** Two nodes of a zone where one would do, four tenants on each. */
function spread(prefix: string, placement: 'manual' | 'recommend' | 'automatic' = 'automatic') {
  const spec = { capacity: 100, power: { idleWatts: 80, peakWatts: 120 }, standbyWatts: 5, zone: 'z' }
  const nodes = ['1', '2', '3'].map((it) => node(`${prefix}-n${it}`, spec))
  const tenants = ['1', '2', '3'].flatMap((home) =>
    ['a', 'b'].map((it) =>
      tenant(`${prefix}-t${home}${it}`, {
        base: 2,
        node: `${prefix}-n${home}`,
        placement: { mode: placement },
      }),
    ),
  )
  // The pins put them there; taking them off leaves them where they are.
  const free = tenants.map((it) => tenant(it.metadata.name, { base: 2, placement: { mode: placement } }))
  return { pinned: [...nodes, ...tenants], free: [...nodes, ...free] }
}

/** Nothing is held back for having just been moved or woken. */
const AT_ONCE = {
  sleepAfterMs: 0,
  minStayMs: 0,
  minUpMs: 0,
  nodesPerHour: 1,
  tenantsPerHour: 1,
  headroomNodes: 0,
  recheckMs: 1_000,
}

async function cluster(name: string, mode: 'manual' | 'recommend' | 'automatic', tenants = mode) {
  const call = adminOf(name)
  const read = async <T>(path: string) => (await (await call(API + path)).json()) as T
  const { pinned, free } = spread(name, tenants)
  await call(`${API}/apply`, { method: 'POST', json: pinned })
  await expect
    .poll(async () => (await read<{ items: TenantView[] }>('/tenants')).items.map((it) => it.status.phase))
    .toSatisfy((phases: string[]) => phases.length === 6 && phases.every((phase) => phase === 'Ready'))
  await call(`${API}/apply`, { method: 'POST', json: free })
  const put = await call(`${API}/placement`, { method: 'PUT', json: { mode, planner: AT_ONCE } })
  expect(put.status).toBe(200)
  return { call, read, stub: bindings.COORDINATOR.getByName(name) }
}

describe('plans', () => {
  it('are made on request, explained, listed and refused for good', async () => {
    const { call, read } = await cluster('pl-show', 'recommend')
    const made = await call(`${API}/plans`, { method: 'POST' })
    expect(made.status).toBe(201)
    const plan = (await made.json()) as PlanView
    expect(plan).toMatchObject({ profile: 'balanced', mode: 'recommend', frozen: null, homeless: [] })
    expect(plan.alternatives.map(({ profile }) => profile)).toEqual(['balanced', 'cheap', 'eco', 'safe'])
    expect(plan.alternatives.some(({ onFront }) => onFront)).toBe(true)
    expect(plan.distance.energy).toBeGreaterThan(0)
    expect(plan.bound.energy).toBeLessThanOrEqual(plan.after.terms.energy)
    const list = await read<{ items: PlanSummary[] }>('/plans')
    expect(list.items.map(({ id }) => id)).toContain(plan.id)
    expect(await read<PlanView>(`/plans/${plan.id}`)).toMatchObject({ id: plan.id, atMs: plan.atMs })
    expect((await call(`${API}/plans/999999`)).status).toBe(404)
  })

  it('move tenants once a person has accepted them, and only then', async () => {
    const call = adminOf('pl-run')
    const read = async <T>(path: string) => (await (await call(API + path)).json()) as T
    const nodes = ['a', 'b'].map((zone) => node(`pl-run-${zone}`, { capacity: 100, zone }))
    const live = (zones: string[]) => [...nodes, tenant('pl-run-t', { base: 5, zones })]
    const home = async () => (await read<TenantView>('/tenants/pl-run-t')).status.node
    await call(`${API}/apply`, { method: 'POST', json: live(['a']) })
    await expect.poll(home).toBe('pl-run-a')
    const settings = { planner: AT_ONCE, everyMs: 3_600_000 }
    await call(`${API}/placement`, { method: 'PUT', json: { mode: 'manual', ...settings } })
    await call(`${API}/apply`, { method: 'POST', json: live(['b']) })
    const plan = (await (await call(`${API}/plans`, { method: 'POST' })).json()) as PlanView
    expect(plan.moves).toMatchObject([
      { tenant: 'pl-run-t', from: 'pl-run-a', to: 'pl-run-b', rule: 'constraint', state: 'waiting' },
    ])
    const accept = () => call(`${API}/plans/${plan.id}/accept`, { method: 'POST' })
    expect((await accept()).status).toBe(409)
    await call(`${API}/placement`, { method: 'PUT', json: { mode: 'recommend', ...settings } })
    expect((await accept()).status).toBe(200)
    expect((await accept()).status).toBe(409)
    expect(await home()).toBe('pl-run-a')
    await expect.poll(home, { timeout: 10_000 }).toBe('pl-run-b')
    const after = () => read<PlanView>(`/plans/${plan.id}`)
    await expect.poll(async () => (await after()).state, { timeout: 10_000 }).toBe('done')
    expect((await after()).moves[0]).toMatchObject({ state: 'done' })
    expect(await after()).toMatchObject({ actor: 'root', note: '1 of 1 moves done' })
  })

  it('run by themselves once the mode is automatic', async () => {
    const call = adminOf('pl-auto')
    const nodes = ['a', 'b'].map((zone) => node(`pl-auto-${zone}`, { capacity: 100, zone }))
    const live = (zones: string[]) => [...nodes, tenant('pl-auto-t', { base: 5, zones })]
    const read = async <T>(path: string) => (await (await call(API + path)).json()) as T
    const home = async () => (await read<TenantView>('/tenants/pl-auto-t')).status.node
    const mode = (it: string, everyMs: number) =>
      call(`${API}/placement`, { method: 'PUT', json: { mode: it, planner: AT_ONCE, everyMs } })
    await call(`${API}/apply`, { method: 'POST', json: live(['a']) })
    await expect.poll(home).toBe('pl-auto-a')
    await mode('recommend', 3_600_000)
    await call(`${API}/apply`, { method: 'POST', json: live(['b']) })
    const plan = (await (await call(`${API}/plans`, { method: 'POST' })).json()) as PlanView
    await mode('automatic', 1_000)
    await expect.poll(home, { timeout: 10_000 }).toBe('pl-auto-b')
    const after = async () => (await read<PlanView>(`/plans/${plan.id}`)).state
    await expect.poll(after, { timeout: 10_000 }).toBe('done')
  })

  it('never move a tenant that is to be left alone', async () => {
    const call = adminOf('pl-alone')
    const nodes = ['a', 'b'].map((zone) => node(`pl-alone-${zone}`, { capacity: 100, zone }))
    const live = (zones: string[]) => [
      ...nodes,
      tenant('pl-alone-t', { base: 5, zones, placement: { mode: 'manual' } }),
    ]
    const read = async <T>(path: string) => (await (await call(API + path)).json()) as T
    const home = async () => (await read<TenantView>('/tenants/pl-alone-t')).status.node
    await call(`${API}/apply`, { method: 'POST', json: live(['a']) })
    await expect.poll(home).toBe('pl-alone-a')
    const settings = { mode: 'recommend', planner: AT_ONCE, everyMs: 3_600_000 }
    await call(`${API}/placement`, { method: 'PUT', json: settings })
    await call(`${API}/apply`, { method: 'POST', json: live(['b']) })
    const plan = (await (await call(`${API}/plans`, { method: 'POST' })).json()) as PlanView
    expect(plan.moves).toHaveLength(1)
    await call(`${API}/plans/${plan.id}/accept`, { method: 'POST' })
    const after = () => read<PlanView>(`/plans/${plan.id}`)
    await expect.poll(async () => (await after()).state, { timeout: 10_000 }).toBe('done')
    expect((await after()).moves[0]).toMatchObject({ state: 'dropped' })
    expect(await home()).toBe('pl-alone-a')
  })

  it('keep their settings, refuse wrong ones, and notice another writer', async () => {
    const call = adminOf('pl-set')
    const put = (json: object, headers = {}) => call(`${API}/placement`, { method: 'PUT', json, headers })
    const first = await put({ mode: 'manual', profile: 'eco' })
    const state = (await first.json()) as PlacementState
    expect(state).toMatchObject({ mode: 'manual', profile: 'eco', revision: 1, hook: null })
    expect(state.effective.nodesPerHour).toBe(0)
    expect((await put({ mode: 'perhaps' })).status).toBe(400)
    expect((await put({ mode: 'manual', planner: { packlode: 1 } })).status).toBe(400)
    expect((await put({ mode: 'manual' }, { 'if-match': '"0"' })).status).toBe(412)
    expect((await put({ mode: 'manual' }, { 'if-match': '"1"' })).status).toBe(200)
    const lonely = { load: 1, energy: 1, cost: 0, carbon: 0, resilience: 0 }
    expect((await put({ mode: 'manual', profiles: { eco: lonely } })).status).toBe(400)
    await abortAllDurableObjects()
    const after = (await (await call(`${API}/placement`)).json()) as PlacementState
    expect(after).toMatchObject({ mode: 'manual', revision: 2 })
  })

  it('refuse a hook that the operator has not allowed, or without a secret', async () => {
    const call = adminOf('pl-hook')
    const hook = { url: 'https://hooks.example/power' }
    const put = await call(`${API}/placement`, { method: 'PUT', json: { mode: 'automatic', hook } })
    expect(put.status).toBe(422)
    expect(((await put.json()) as { detail: string }).detail).toContain('STINT_HOOK_SECRET')
  })

  it('count the energy of every node', async () => {
    const { read, stub } = await cluster('pl-energy', 'manual')
    await expect.poll(async () => (await runDurableObjectAlarm(stub)) || true).toBe(true)
    await stub.makePlan()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await stub.makePlan()
    const { items } = await read<{ items: EnergyView[] }>('/energy')
    expect(items.map(({ node }) => node)).toEqual(['pl-energy-n1', 'pl-energy-n2', 'pl-energy-n3'])
    for (const it of items) {
      expect(it).toMatchObject({ phase: 'up', watts: 80, load: 0, standbyWh: 0, pricedShare: 0 })
      expect(it.wh).toBeGreaterThan(0)
    }
  })

  it('takes no tenants onto a node in standby', async () => {
    const { call, read, stub } = await cluster('pl-sleep', 'manual')
    await runInDurableObject(stub, (_, state) =>
      state.storage.sql.exec(
        `INSERT INTO power (node, phase, since_ms, hook_id) VALUES ('pl-sleep-n3', 'standby', 1, 1)`,
      ),
    )
    await call(`${API}/apply`, {
      method: 'POST',
      json: [tenant('pl-sleep-new', { base: 1, node: 'pl-sleep-n3' })],
    })
    const status = async () => (await read<TenantView>('/tenants/pl-sleep-new')).status
    await expect.poll(async () => (await status()).conditions[0]?.message).toContain('is in standby')
    expect((await read<NodeView>('/nodes/pl-sleep-n3')).status.phase).toBe('Standby')
  })

  it('forgets that a deleted node was asleep', async () => {
    const { call, read, stub } = await cluster('pl-gone', 'manual')
    const live = async () => (await read<{ items: NodeView[] }>('/nodes')).items
    await call(`${API}/apply`, { method: 'POST', json: [node('pl-gone-n4', { capacity: 100, zone: 'z' })] })
    await expect.poll(async () => (await live()).length).toBe(4)
    await runInDurableObject(stub, (_, state) =>
      state.storage.sql.exec(
        `INSERT INTO power (node, phase, since_ms, hook_id) VALUES ('pl-gone-n4', 'standby', 1, 1)`,
      ),
    )
    const phase = async () => (await read<NodeView>('/nodes/pl-gone-n4')).status.phase
    expect(await phase()).toBe('Standby')
    const remove = { method: 'DELETE', headers: { 'if-match': '*' } }
    expect((await call(`${API}/nodes/pl-gone-n4`, remove)).status).toBeLessThan(300)
    await expect.poll(async () => (await live()).length, { timeout: 10_000 }).toBe(3)
    await call(`${API}/apply`, { method: 'POST', json: [node('pl-gone-n4', { capacity: 100, zone: 'z' })] })
    await expect.poll(phase, { timeout: 10_000 }).toBe('Ready')
    const left = await runInDurableObject(stub, (_, state) =>
      state.storage.sql.exec('SELECT node FROM power').toArray(),
    )
    expect(left).toEqual([])
  })
})
