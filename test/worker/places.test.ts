import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { NodeConfig } from '../../src/core/control.ts'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { type AccountGrant, type LeaseRequest, MESSAGE_VERSION } from '../../src/core/messages.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'
import { env } from './world.ts'

const MICRO = 1_000_000
const v1 = { apiVersion: 'stint/v1' as const }

function config(node: string, tenants: readonly string[], roundMs: number): NodeConfig {
  const { spec } = nodeSchema.parse({
    ...v1,
    kind: 'Node',
    metadata: { name: node },
    spec: { capacity: 100, roundMs },
  })
  const placed = tenants.map((tenant) => ({
    tenant,
    epoch: 1,
    spec: tenantSchema.parse({
      ...v1,
      kind: 'Tenant',
      metadata: { name: tenant },
      spec: { base: 20, hosts: [`${tenant}.localhost`] },
    }).spec,
  }))
  return { node, generation: 1, spec, tenants: placed }
}

/** Tenant `t` on a real node object, another beside it, and edges that ask for leases. */
async function twoNodes(name: string, roundMs = 60_000) {
  const source = env.NODES.getByName(`${name}-s`)
  const target = env.NODES.getByName(`${name}-t`)
  await source.configure(config(`${name}-s`, ['t'], roundMs))
  await target.configure(config(`${name}-t`, [], roundMs))
  const ask = async (edge: string, session = '') => {
    const account = {
      ...NO_TOTALS,
      tenant: 't',
      epoch: 1,
      session,
      want: MICRO,
      waiting: MICRO,
      first: MICRO,
    }
    const request: LeaseRequest = { version: MESSAGE_VERSION, edge, accounts: [account] }
    return (await source.lease(request)).accounts[0]!
  }
  const sessionOf = async (edge: string) => ((await ask(edge)) as AccountGrant).session
  const move = async () => {
    const home = { node: `${name}-s`, epoch: 1 }
    await target.migrate({ kind: 'prepare', tenant: 't', epoch: 2, source: home, reserve: 0 })
    const handoff = { kind: 'handoff', tenant: 't', epoch: 2, fromEpoch: 1, target: `${name}-t` } as const
    const handed = await source.migrate(handoff)
    if (handed.kind !== 'handed') throw new Error(`the source answered ${handed.kind}`)
    await target.migrate({ kind: 'install', tenant: 't', epoch: 2, capsule: handed.capsule })
  }
  const release = async () =>
    (await source.migrate({ kind: 'release', tenant: 't', epoch: 2, hurry: false })).kind
  return { source, ask, sessionOf, move, release, home: `${name}-t` }
}

describe('a node whose tenant has moved', () => {
  it('is released when each edge that held a lease of it has been passed on', async () => {
    const { ask, sessionOf, move, release, home } = await twoNodes('pl1')
    const [one, two] = [await sessionOf('e1'), await sessionOf('e2')]
    await move()
    expect(await release()).toBe('draining')
    expect(await ask('e1', one)).toMatchObject({ home, session: one })
    expect(await ask('e1', one)).toMatchObject({ home, session: one })
    expect(await release()).toBe('draining')
    expect(await ask('e2', two)).toMatchObject({ home, session: two })
    expect(await release()).toBe('released')
    const late = await ask('e2', two)
    expect('moved' in late && late.moved).toEqual({ node: home, epoch: 2 })
  })

  it('is released at once when nobody held a lease', async () => {
    const { move, release } = await twoNodes('pl2')
    await move()
    expect(await release()).toBe('released')
  })

  it('waits for every edge again after a restart', async () => {
    const { source, ask, sessionOf, move, release } = await twoNodes('pl3')
    const session = await sessionOf('e1')
    await move()
    await ask('e1', session)
    await evictDurableObject(source)
    expect(await release()).toBe('draining')
    await ask('e1', session)
    expect(await release()).toBe('released')
  })

  it('is released without edges that stay silent, when their leases have lapsed', async () => {
    const { sessionOf, move, release } = await twoNodes('pl4', 200)
    await sessionOf('e1')
    await move()
    expect(await release()).toBe('draining')
    await expect.poll(release, { timeout: 10_000 }).toBe('released')
  })
})

it('a tombstone is forgotten with a report when its time has come, not before', async () => {
  const { source, move } = await twoNodes('pl-sweep')
  await move()
  await source.migrate({ kind: 'release', tenant: 't', epoch: 2, hurry: true })
  const keptAfterReport = async (keepUntilMs?: number) => {
    await runInDurableObject(source, async (_, { storage }) => {
      if (keepUntilMs !== undefined)
        storage.sql.exec("UPDATE place SET value = json_set(value, '$.row.keepUntilMs', ?)", keepUntilMs)
      await storage.setAlarm(Date.now() + 60_000)
    })
    await evictDurableObject(source)
    expect(await runDurableObjectAlarm(source)).toBe(true)
    return runInDurableObject(source, (_, { storage }) =>
      storage.sql.exec('SELECT tenant FROM place').toArray(),
    )
  }
  expect(await keptAfterReport()).toEqual([{ tenant: 't' }])
  expect(await keptAfterReport(Date.now() - 1)).toEqual([])
})
