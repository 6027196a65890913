import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import type { NodeApi } from '../../src/core/control.ts'
import type { ManifestSet } from '../../src/core/manifest/check.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'

type Bindings = {
  COORDINATOR: DurableObjectNamespace<CoordinatorObject>
  NODES: DurableObjectNamespace<NodeApi & Rpc.DurableObjectBranded>
}
const bindings = env as unknown as Bindings

function coordinator(name: string) {
  return bindings.COORDINATOR.getByName(name)
}

function nodeState(name: string) {
  return (bindings.NODES.getByName(name) as unknown as NodeApi).state()
}

function manifests(text: string): ManifestSet {
  const parsed = parseManifests([{ file: 'test', text }], { complete: false })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}

const node = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'stint/v1', kind: 'Node', metadata: { name }, spec })
const tenant = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'stint/v1', kind: 'Tenant', metadata: { name }, spec })
const together = (...documents: string[]) => manifests(documents.join('\n---\n'))

/** Tenants of a node object with their bases, once it holds as many as expected. */
async function basesOn(name: string, count: number): Promise<Record<string, number>> {
  return await expect
    .poll(async () => Object.fromEntries((await nodeState(name)).accounts.map((it) => [it.tenant, it.base])))
    .toSatisfy((bases: object) => Object.keys(bases).length === count)
    .then(async () => Object.fromEntries((await nodeState(name)).accounts.map((it) => [it.tenant, it.base])))
}

describe('apply', () => {
  it('places tenants first fit and tells their nodes', async () => {
    const stub = coordinator('apply-places')
    const set = together(
      node('ap-1', { capacity: 100 }),
      node('ap-2', { capacity: 100 }),
      tenant('ap-a', { base: 80, hosts: ['ap-a.example'] }),
      tenant('ap-b', { base: 30, hosts: ['ap-b.example'] }),
      tenant('ap-c', { base: 20, node: 'ap-1' }),
    )
    const outcome = await stub.apply(set)
    expect(outcome).toMatchObject({ ok: true, value: { unchanged: 0 } })
    expect(await basesOn('ap-1', 2)).toEqual({ 'ap-a': 80, 'ap-c': 20 })
    expect(await basesOn('ap-2', 1)).toEqual({ 'ap-b': 30 })
    const route = await stub.resolveHost('ap-b.example')
    expect(route?.routes).toMatchObject([{ tenant: 'ap-b', node: 'ap-2', epoch: 1, upstream: { echo: {} } }])
    expect(await stub.resolveHost('nobody.example')).toBeNull()
    expect(await stub.resolveTenant('nobody')).toBeNull()
  })

  it('changes nothing when the same set comes again', async () => {
    const stub = coordinator('apply-again')
    const set = together(node('aa-1', { capacity: 10 }), tenant('aa-a', { base: 5 }))
    const first = await stub.apply(set)
    await basesOn('aa-1', 1)
    const before = await nodeState('aa-1')
    const rows = await runInDurableObject(stub, (_, state) => rowsOf(state))
    const again = await stub.apply(set)
    expect(again).toMatchObject({ ok: true, value: { unchanged: 2, changes: [] } })
    expect(await runInDurableObject(stub, (_, state) => rowsOf(state))).toEqual(rows)
    expect((await nodeState('aa-1')).generation).toBe(before.generation)
    expect(first.ok && first.value.changes).toHaveLength(2)
  })

  it('keeps nothing of a set with one claim taken, and nothing of a dry run', async () => {
    const stub = coordinator('apply-nothing')
    await stub.apply(together(tenant('an-a', { base: 1, hosts: ['an.example'] })))
    await expect.poll(async () => (await stub.tenant('an-a'))?.status.observedGeneration).toBe(1)
    const before = await runInDurableObject(stub, (_, state) => rowsOf(state))
    const refused = await stub.apply(
      together(
        node('an-1', { capacity: 10 }),
        tenant('an-b', { base: 1, hosts: ['b.an.example'] }),
        tenant('an-c', { base: 1, hosts: ['an.example'] }),
      ),
    )
    expect(refused).toMatchObject({ ok: false, error: [{ code: 'conflict', name: 'an-c' }] })
    const dry = await stub.apply(together(node('an-1', { capacity: 10 })), { dryRun: true })
    expect(dry).toMatchObject({ ok: true, value: { changes: [{ name: 'an-1', action: 'created' }] } })
    expect(await runInDurableObject(stub, (_, state) => rowsOf(state))).toEqual(before)
  })

  it('lets two tenants swap a claim within one set', async () => {
    const stub = coordinator('apply-swap')
    const claims = (a: string, b: string) =>
      together(tenant('as-a', { base: 1, hosts: [a] }), tenant('as-b', { base: 1, hosts: [b] }))
    await stub.apply(claims('x.as', 'y.as'))
    expect(await stub.apply(claims('y.as', 'x.as'))).toMatchObject({ ok: true })
    expect((await stub.resolveHost('x.as'))?.routes).toMatchObject([{ tenant: 'as-b' }])
  })

  it('survives a restart before any node was told', async () => {
    const stub = coordinator('apply-restart')
    await stub.apply(together(node('ar-1', { capacity: 10 }), tenant('ar-a', { base: 5 })))
    await abortAllDurableObjects()
    const after = coordinator('apply-restart')
    expect(await after.resolveTenant('ar-a')).toMatchObject({ node: 'ar-1', epoch: 1 })
    expect(await basesOn('ar-1', 1)).toEqual({ 'ar-a': 5 })
  })
})

function rowsOf(state: DurableObjectState): unknown {
  const all = (table: string) => state.storage.sql.exec(`SELECT * FROM ${table}`).toArray()
  return [all('meta'), all('tenants'), all('events'), all('claims'), all('hosts')]
}
