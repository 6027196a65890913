import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { TenantView } from '../../src/core/coordinator-api.ts'
import { HEALTH_TERMS } from '../../src/core/health.ts'
import type { MigrationView } from '../../src/core/migration-view.ts'
import type { NodeObject } from '../../src/node/node-object.ts'
import { API, adminOf, node, problem, stateOf, tenant } from './admin-client.ts'
import { env } from './world.ts'

/** A tenant `mgX-t` of base 10 on `mgX-1`, and another node beside it. */
async function twoNodes(prefix: string, second: object = { capacity: 100 }) {
  const coordinator = `mig-${prefix}`
  const call = adminOf(coordinator)
  const apply = async (...documents: object[]) => {
    expect((await call(`${API}/apply`, { method: 'POST', json: documents })).status).toBe(200)
    const stub = env.COORDINATOR.getByName(coordinator)
    await expect
      .poll(async () => await stub.summary(), { timeout: 15_000 })
      .toMatchObject({ waiting: 0, unconfirmed: 0 })
  }
  await apply(node(`${prefix}-1`), tenant(`${prefix}-t`, { base: 10 }))
  await apply(node(`${prefix}-2`, second))
  const move = (to: string, name = `${prefix}-t`) =>
    call(`${API}/migrations`, { method: 'POST', json: { tenant: name, to } })
  const migrations = async () =>
    ((await (await call(`${API}/migrations`)).json()) as { items: MigrationView[] }).items
  const home = async () =>
    ((await (await call(`${API}/tenants/${prefix}-t`)).json()) as TenantView).status.node
  return { call, apply, move, migrations, home, stub: env.COORDINATOR.getByName(coordinator) }
}

type World = Awaited<ReturnType<typeof twoNodes>>

/** Asks for a move that must be refused; nothing is changed by it. */
async function refused(world: World, to: string, name?: string) {
  const before = await stateOf(world.call)
  const answer = await world.move(to, name)
  const { detail, status } = await problem(answer)
  expect(await stateOf(world.call)).toBe(before)
  expect(await world.migrations()).toEqual([])
  return { status, detail }
}

/** Lets a node answer no step of a migration while `work` goes on. */
async function withoutAnswers(name: string, work: () => Promise<void>): Promise<void> {
  const stub = (env.NODES as unknown as DurableObjectNamespace<NodeObject>).getByName(name)
  const lost = async () => {
    throw new Error('connection lost')
  }
  await runInDurableObject(stub, (instance) => void Object.assign(instance, { migrate: lost }))
  try {
    await work()
  } finally {
    await runInDurableObject(stub, (instance) => void Reflect.deleteProperty(instance, 'migrate'))
  }
}

const ended = (world: World) =>
  expect.poll(async () => (await world.migrations()).map(({ phase }) => phase), { timeout: 15_000 })

describe('a move that cannot be', { timeout: 60_000 }, () => {
  it('to the same node', async () => {
    expect(await refused(await twoNodes('mga'), 'mga-1')).toEqual({
      status: 409,
      detail: expect.stringContaining('Tenant mga-t is on node mga-1 already; name another node.'),
    })
  })

  it('to an unknown node', async () => {
    expect(await refused(await twoNodes('mgb'), 'mgb-9')).toEqual({
      status: 409,
      detail: expect.stringContaining('There is no node mgb-9; check its name'),
    })
  })

  it('of an unknown tenant', async () => {
    expect(await refused(await twoNodes('mgc'), 'mgc-2', 'mgc-nobody')).toEqual({
      status: 404,
      detail: expect.stringContaining('there is no tenant mgc-nobody'),
    })
  })

  it('to a cordoned and to a drained node', async () => {
    const world = await twoNodes('mgd')
    for (const mark of ['cordon', 'drain']) {
      expect((await world.call(`${API}/nodes/mgd-2/${mark}`, { method: 'POST' })).status).toBe(200)
      expect(await refused(world, 'mgd-2')).toEqual({
        status: 409,
        detail: expect.stringContaining('Node mgd-2 is cordoned; uncordon it, or name another node.'),
      })
    }
  })

  it('to a full node', async () => {
    expect(await refused(await twoNodes('mge', { capacity: 9 }), 'mge-2')).toEqual({
      status: 409,
      detail: expect.stringContaining('no room for the guaranteed rate of tenant mge-t'),
    })
  })

  it('to a failed node', async () => {
    const world = await twoNodes('mgf')
    const origin = {
      verdict: 'unhealthy',
      reason: 'gone',
      requests: 0,
      failures: 0,
      timeouts: 0,
      meanMs: 0,
    } as const
    const report = { version: 1, life: 1, generation: 1, capacity: 100, demand: 0, spent: 0, tenants: [] }
    for (let i = 0; i < HEALTH_TERMS.failedAfter; i++) {
      await world.stub.heartbeat('mgf-2', { ...report, origin })
    }
    expect((await world.stub.node('mgf-2'))?.status.phase).toBe('Failed')
    expect(await refused(world, 'mgf-2')).toEqual({
      status: 409,
      detail: expect.stringContaining('Node mgf-2 has failed; name another node'),
    })
  })
})

describe('a move', { timeout: 60_000 }, () => {
  it('asked for twice at once happens once', async () => {
    const world = await twoNodes('mgg')
    const answers = await Promise.all([world.move('mgg-2'), world.move('mgg-2')])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    const { detail } = await problem(answers.find(({ status }) => status === 409)!)
    expect(detail).toMatch(/A migration of tenant mgg-t is open|is on node mgg-2 already/)
    await ended(world).toEqual(['DONE'])
    expect(await world.home()).toBe('mgg-2')
  })

  it('keeps its room on the target: nothing else is placed there meanwhile', async () => {
    const world = await twoNodes('mgh', { capacity: 15 })
    // Full, so that the newcomer fits on the target alone, where 5 of 15 are left.
    await world.apply(tenant('mgh-fill', { base: 90 }))
    await withoutAnswers('mgh-2', async () => {
      expect((await world.move('mgh-2')).status).toBe(200)
      await world.call(`${API}/apply`, { method: 'POST', json: [tenant('mgh-new', { base: 6 })] })
      const placed = async () => (await world.stub.tenant('mgh-new'))?.status.conditions[0]
      await expect
        .poll(placed, { timeout: 15_000 })
        .toMatchObject({ type: 'Placed', status: 'False', reason: 'DoesNotFit' })
    })
    await ended(world).toEqual(['DONE'])
    expect(await world.home()).toBe('mgh-2')
    // What it left has room for the newcomer.
    await expect
      .poll(async () => (await world.stub.tenant('mgh-new'))?.status.node, { timeout: 15_000 })
      .toBe('mgh-1')
  })

  it('leaves no account behind when its tenant is deleted right after it', async () => {
    const world = await twoNodes('mgi')
    expect((await world.move('mgi-2')).status).toBe(200)
    await ended(world).toEqual(['DONE'])
    const remove = async () => {
      const answer = await world.call(`${API}/tenants/mgi-t`, {
        method: 'DELETE',
        headers: { 'If-Match': '*' },
      })
      if (answer.status !== 200) expect((await problem(answer)).detail).toContain('has just moved; try again')
      return answer.status
    }
    await expect.poll(remove, { timeout: 15_000 }).toBe(200)
    for (const name of ['mgi-1', 'mgi-2']) {
      const accounts = async () => (await env.NODES.getByName(name).state()).accounts
      await expect.poll(accounts, { timeout: 15_000 }).toEqual([])
    }
  })
})
