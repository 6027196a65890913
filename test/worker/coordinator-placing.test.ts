import { describe, expect, it } from 'vitest'
import type { NodeState } from '../../src/core/control.ts'
import { type ManifestSet, toManifestSet } from '../../src/core/manifest/check.ts'
import { readResources } from '../../src/core/manifest/document.ts'
import { node, tenant } from './admin-client.ts'
import { env } from './world.ts'

function set(...documents: object[]): ManifestSet {
  const { resources, errors } = readResources(documents, { file: 'test', document: 1, prefix: '' })
  if (errors.length > 0) throw new Error(JSON.stringify(errors))
  return toManifestSet(resources)
}

function coordinatorOf(name: string) {
  const stub = env.COORDINATOR.getByName(name)
  const apply = async (...documents: object[]) => {
    const outcome = await stub.apply(set(...documents))
    expect(outcome.ok).toBe(true)
    await expect.poll(async () => await stub.summary()).toMatchObject({ waiting: 0, unconfirmed: 0 })
  }
  const homes = async () => {
    const { items } = await stub.placements({ limit: 100 })
    return Object.fromEntries(items.map((it) => [it.tenant, it.node]))
  }
  const asWanted = async (name: string) =>
    (await stub.tenant(name))?.status.conditions.find((it) => it.type === 'AsWanted')
  return { stub, apply, homes, asWanted }
}

const stateOf = (name: string): Promise<NodeState> => env.NODES.getByName(name).state()
const basesOf = async (name: string) =>
  Object.fromEntries((await stateOf(name)).accounts.map((it) => [it.tenant, it.base]))

describe('placing', () => {
  it('honours pins, zones and anti-affinity, whatever the order they are written in', async () => {
    const { apply, homes, asWanted } = coordinatorOf('pl-rules')
    await apply(
      tenant('pr-free', { base: 90 }),
      tenant('pr-pin', { base: 50, node: 'pr-1' }),
      tenant('pr-east', { base: 10, zones: ['east'] }),
      tenant('pr-nowhere', { base: 1, zones: ['north'] }),
      tenant('pr-x', { base: 5, antiAffinity: 'x' }),
      tenant('pr-y', { base: 5, antiAffinity: 'x' }),
      tenant('pr-z', { base: 5, antiAffinity: 'x' }),
      node('pr-1', { capacity: 100, zone: 'west' }),
      node('pr-2', { capacity: 100, zone: 'east' }),
    )
    const found = await homes()
    expect(found).toMatchObject({ 'pr-pin': 'pr-1', 'pr-free': 'pr-2', 'pr-east': 'pr-2' })
    expect(Object.keys(found)).not.toContain('pr-nowhere')
    expect(await asWanted('pr-nowhere')).toMatchObject({
      status: 'False',
      reason: 'ZoneMismatch',
      message: 'needs 1 tokens/s; of 2 nodes 2 outside its zones',
    })
    // Two nodes, and the east one is full: one of the three shares with none, the others wait.
    const placed = ['pr-x', 'pr-y', 'pr-z'].map((name) => found[name])
    expect(placed.filter((it) => it !== undefined)).toEqual(['pr-1'])
    expect((await asWanted('pr-z'))?.message).toMatch(
      /1 with a tenant of its anti-affinity group, 1 too full/,
    )
  })

  it('never promises more than a node has, and keeps the former settings of a base that does not fit', async () => {
    const { stub, apply, asWanted } = coordinatorOf('pl-grow')
    const both = (a: number, b: number) => [tenant('pg-a', { base: a }), tenant('pg-b', { base: b })]
    await apply(node('pg-1', { capacity: 100 }), ...both(60, 40))
    await apply(...both(70, 40))
    expect(await asWanted('pg-a')).toMatchObject({ status: 'False', reason: 'DoesNotFit' })
    expect((await asWanted('pg-a'))?.message).toContain(
      'needs 70 tokens/s, pg-1 has 0 free of 100; it keeps 60',
    )
    expect(await basesOf('pg-1')).toEqual({ 'pg-a': 60, 'pg-b': 40 })
    expect((await stub.resolveTenant('pg-a'))?.policy.base).toBe(60)
    await apply(tenant('pg-b', { base: 30 }))
    expect(await basesOf('pg-1')).toEqual({ 'pg-a': 70, 'pg-b': 30 })
    expect(await asWanted('pg-a')).toMatchObject({ status: 'True' })
    await apply(...both(30, 70))
    expect(await basesOf('pg-1')).toEqual({ 'pg-a': 30, 'pg-b': 70 })
  })

  it('says that a node is overcommitted when its capacity is lowered, and keeps its promises', async () => {
    const { stub, apply } = coordinatorOf('pl-shrink')
    await apply(node('ps-1', { capacity: 100 }), tenant('ps-a', { base: 80 }))
    await apply(node('ps-1', { capacity: 50 }))
    const conditions = (await stub.node('ps-1'))?.status.conditions
    expect(conditions?.find((it) => it.type === 'WithinCapacity')).toMatchObject({
      status: 'False',
      reason: 'Overcommitted',
      message: '80 of 50 tokens/s are promised; the promises are kept until tenants leave',
    })
    expect((await stateOf('ps-1')).capacity).toBe(80)
    await stub.remove('Tenant', 'ps-a')
    await expect.poll(async () => (await stateOf('ps-1')).capacity).toBe(50)
  })

  it('gives a tenant and a node of a former name a new epoch and generation', async () => {
    const { stub, apply } = coordinatorOf('pl-again')
    await apply(node('pa-1', { capacity: 100 }), tenant('pa-a', { base: 80 }))
    const { generation } = await stateOf('pa-1')
    await stub.remove('Tenant', 'pa-a')
    await stub.remove('Node', 'pa-1')
    await expect.poll(async () => await stub.node('pa-1')).toBeNull()
    expect(await basesOf('pa-1')).toEqual({})
    await apply(node('pa-1', { capacity: 100 }), tenant('pa-a', { base: 70 }))
    expect(await stub.resolveTenant('pa-a')).toMatchObject({ node: 'pa-1', epoch: 2 })
    expect((await stateOf('pa-1')).generation).toBeGreaterThan(generation)
    expect(await basesOf('pa-1')).toEqual({ 'pa-a': 70 })
  })
})
