import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { NodeConfig } from '../../src/core/control.ts'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import {
  type AccountGrant,
  type AccountReport,
  type LeaseRequest,
  MESSAGE_VERSION,
} from '../../src/core/messages.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

const MICRO = 1_000_000

function tenant(name: string, base: number) {
  const { spec } = tenantSchema.parse({
    apiVersion: 'stint/v1',
    kind: 'Tenant',
    metadata: { name },
    spec: { base, hosts: [`${name}.localhost`] },
  })
  return { tenant: name, epoch: 1, spec }
}

function config(
  node: string,
  generation: number,
  tenants: Record<string, number>,
  capacity = 160,
): NodeConfig {
  const { spec } = nodeSchema.parse({
    apiVersion: 'stint/v1',
    kind: 'Node',
    metadata: { name: node },
    spec: { capacity },
  })
  return {
    node,
    generation,
    spec,
    tenants: Object.entries(tenants).map(([name, base]) => tenant(name, base)),
  }
}

function message(tenantName: string, report: Partial<AccountReport>): LeaseRequest {
  const account = {
    tenant: tenantName,
    epoch: 1,
    session: '',
    want: 0,
    waiting: 0,
    first: 0,
    ...NO_TOTALS,
    ...report,
  }
  return { version: MESSAGE_VERSION, edge: 'edge-1', accounts: [account] }
}

function grantOf(reply: { accounts: readonly unknown[] }): AccountGrant {
  const [entry] = reply.accounts as [AccountGrant]
  expect(entry).not.toHaveProperty('moved')
  return entry
}

const nodeNamed = (name: string) => env.NODES.getByName(name)

describe('a node object', () => {
  it('serves nobody before it was configured', async () => {
    const reply = await nodeNamed('blank').lease(message('a', { want: MICRO, waiting: MICRO, first: MICRO }))
    expect(reply.accounts).toEqual([{ tenant: 'a', moved: { epoch: 0 } }])
  })

  it('grants leases and books what is reported, once however often it is repeated', async () => {
    const node = nodeNamed('n1')
    await node.configure(config('n1', 1, { a: 100 }))
    const { session, granted } = grantOf(await node.lease(message('a', { want: 40 * MICRO, waiting: MICRO })))
    expect(granted).toBe(40 * MICRO)
    const report = message('a', { session, used: 25 * MICRO, demand: 25 * MICRO, admitted: 25 })
    await node.lease(report)
    await node.lease(report)
    const { accounts } = await node.state()
    expect(accounts[0]).toMatchObject({ tenant: 'a', usage: { spent: 25, admitted: 25 } })
  })

  it('keeps what it has acknowledged through a restart, and starts a new life', async () => {
    const node = nodeNamed('n2')
    await node.configure(config('n2', 1, { a: 100, b: 50 }))
    const { session } = grantOf(await node.lease(message('a', { want: 40 * MICRO })))
    await node.lease(message('a', { session, used: 25 * MICRO, admitted: 25 }))
    const before = await node.state()
    await evictDurableObject(node)
    const after = await node.state()
    expect(after.life).toBe(before.life + 1)
    expect(after.accounts.map(({ tenant: name }) => name)).toEqual(['a', 'b'])
    const [a] = after.accounts
    expect(a).toMatchObject({ usage: { spent: 25, admitted: 25, presumed: 15 } })
    // Base tokens are open at once, borrowing is not.
    expect(a!.balance).toBe(100)
    expect(after.pool).toBe(-160)
    // What the edge used of the lost life comes late and is booked once.
    const late = message('a', { session, used: 40 * MICRO, admitted: 40 })
    await node.lease(late)
    await node.lease(late)
    expect((await node.state()).accounts[0]).toMatchObject({
      usage: { spent: 40, admitted: 40, presumed: 0 },
    })
  })

  it('writes once a round, not once a message', async () => {
    const node = nodeNamed('n3')
    await node.configure(config('n3', 1, { a: 100 }))
    const { session } = grantOf(await node.lease(message('a', { want: MICRO })))
    const rows = () =>
      runInDurableObject(node, (_, state) =>
        JSON.stringify([
          ...state.storage.sql.exec(
            'SELECT key, value FROM node UNION ALL SELECT tenant, value FROM account',
          ),
        ]),
      )
    const before = await rows()
    for (let used = 1; used <= 5; used++)
      await node.lease(message('a', { session, used: used * 1000, want: MICRO }))
    expect(await rows()).toBe(before)
  })

  it('follows a new configuration, ignores an older one, refuses by name what does not fit', async () => {
    const node = nodeNamed('n4')
    await node.configure(config('n4', 1, { a: 100, b: 50 }))
    // Room is made before it is used: a shrinks so that b can grow.
    expect(await node.configure(config('n4', 2, { a: 50, b: 110 }))).toEqual({ generation: 2, refused: [] })
    expect((await node.configure(config('n4', 1, { a: 1 }))).generation).toBe(2)
    const answer = await node.configure(config('n4', 3, { a: 50, b: 111 }))
    expect(answer.refused).toHaveLength(1)
    expect(answer.refused[0]!.tenant).toBe('b')
    const bases = (await node.state()).accounts.map(({ tenant: name, base }) => [name, base])
    expect(Object.fromEntries(bases)).toEqual({ a: 50, b: 110 })
    await node.configure(config('n4', 4, { b: 110 }))
    expect((await node.state()).accounts.map(({ tenant: name }) => name)).toEqual(['b'])
  })

  it('survives a change of the round’s length and a capacity that shrank', async () => {
    const node = nodeNamed('n5')
    const first = config('n5', 1, { a: 100 })
    await node.configure(first)
    const { session } = grantOf(await node.lease(message('a', { want: MICRO })))
    await node.lease(message('a', { session, used: MICRO, admitted: 1 }))
    await node.configure({ ...first, generation: 2, spec: { ...first.spec, roundMs: 500, capacity: 100 } })
    await evictDurableObject(node)
    const state = await node.state()
    expect(state).toMatchObject({ roundMs: 500, capacity: 100 })
    expect(state.accounts[0]).toMatchObject({ base: 50, usage: { spent: 1, admitted: 1 } })
  })

  it('exposes its calls and nothing of its insides', async () => {
    const node = nodeNamed('n6') as unknown as Record<string, () => Promise<unknown>>
    for (const name of ['#begin', '#guard', '#store', 'ctx', 'env']) {
      await expect((async () => node[name]!())()).rejects.toThrow()
    }
  })
})
