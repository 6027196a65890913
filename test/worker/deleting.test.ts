import { abortAllDurableObjects, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import type { NodeApi } from '../../src/core/control.ts'
import type { ManifestSet } from '../../src/core/manifest/check.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'
import { type AccountGrant, type AccountReport, MESSAGE_VERSION } from '../../src/core/messages.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

const MICRO = 1_000_000

const bindings = env as unknown as {
  COORDINATOR: DurableObjectNamespace<CoordinatorObject>
  NODES: DurableObjectNamespace<NodeApi & Rpc.DurableObjectBranded>
}
const coordinator = (name: string) => bindings.COORDINATOR.getByName(name)
const nodeNamed = (name: string) => bindings.NODES.getByName(name) as unknown as NodeApi

function manifests(...documents: object[]): ManifestSet {
  const text = documents.map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
  const parsed = parseManifests([{ file: 'test', text }], { complete: false })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
  return parsed.value
}
const node = (name: string) => ({ kind: 'Node', metadata: { name }, spec: { capacity: 100 } })
const tenant = (name: string, spec: object = {}) => ({
  kind: 'Tenant',
  metadata: { name },
  spec: { base: 50, ...spec },
})

async function report(
  on: string,
  report: Partial<AccountReport> & { tenant: string },
): Promise<AccountGrant> {
  const account = { epoch: 1, session: '', want: 0, waiting: 0, first: 0, ...NO_TOTALS, ...report }
  const reply = await nodeNamed(on).lease({ version: MESSAGE_VERSION, edge: 'e', accounts: [account] })
  return reply.accounts[0] as AccountGrant
}

/** Takes 20 tokens of a lease and reports 8 of them used by 5 requests, 3 more refused. */
async function use(on: string, name: string, device?: string): Promise<void> {
  const of = device === undefined ? { tenant: name } : { tenant: name, device }
  const { session } = await report(on, { ...of, want: 20 * MICRO, waiting: MICRO })
  await report(on, { ...of, session, used: 8 * MICRO, demand: 11 * MICRO, admitted: 5, refused: 3 })
}

async function finals(of: string, name: string): Promise<string[]> {
  const events = await coordinator(of).events({ limit: 1_000, kind: 'Tenant', name })
  return events.filter(({ reason }) => reason === 'FinalUsage').map(({ message }) => message)
}

const USED =
  'spent 8 tokens; 12 more presumed; requests: 5 admitted, 3 refused, 0 unreachable, 0 shadowed; bytes: 0 in, 0 out'

describe('deleting a tenant', () => {
  it('writes what it used in all to the journal, once', async () => {
    const stub = coordinator('del-once')
    await stub.apply(manifests(node('del-n1'), tenant('del-a')))
    await expect.poll(async () => (await nodeNamed('del-n1').state()).accounts.length).toBe(1)
    await use('del-n1', 'del-a')
    expect((await stub.remove('Tenant', 'del-a')).ok).toBe(true)
    await expect.poll(() => finals('del-once', 'del-a')).toEqual([USED])
    expect((await nodeNamed('del-n1').state()).accounts).toEqual([])
    // Whatever is told again, after a restart of both, says nothing again.
    await abortAllDurableObjects()
    await coordinator('del-once').apply(manifests(tenant('del-b')))
    await expect.poll(async () => (await nodeNamed('del-n1').state()).accounts.length).toBe(1)
    expect(await finals('del-once', 'del-a')).toEqual([USED])
  })

  it('does so for a tenant of the same name that comes at once, which begins at nothing', async () => {
    const stub = coordinator('del-again')
    await stub.apply(manifests(node('del-n2'), tenant('del-c')))
    await expect.poll(async () => (await nodeNamed('del-n2').state()).accounts.length).toBe(1)
    await use('del-n2', 'del-c')
    // Both in one breath: the node hears of them in one config.
    await runInDurableObject(stub, async (object) => {
      const removed = object.remove('Tenant', 'del-c')
      const applied = object.apply(manifests(tenant('del-c')))
      expect([(await removed).ok, (await applied).ok]).toEqual([true, true])
    })
    await expect.poll(() => finals('del-again', 'del-c')).toEqual([USED])
    const [account] = (await nodeNamed('del-n2').state()).accounts
    expect([account?.epoch, account?.usage.spent]).toEqual([2, 0])
  })

  it('counts its devices', async () => {
    const stub = coordinator('del-devices')
    const devices = [{ name: 'api', base: 30, match: { paths: ['/api'] } }]
    await stub.apply(manifests(node('del-n3'), tenant('del-d', { devices })))
    await expect.poll(async () => (await nodeNamed('del-n3').state()).accounts.length).toBe(3)
    await use('del-n3', 'del-d', 'api')
    await stub.remove('Tenant', 'del-d')
    await expect.poll(() => finals('del-devices', 'del-d')).toEqual([USED])
  })
})

describe('a node that is asked for final usage', () => {
  it('gives the same answer until it is asked no more, also once the name is used anew', async () => {
    const stub = coordinator('del-repeat')
    await stub.apply(manifests(node('del-n4'), tenant('del-e')))
    await expect.poll(async () => (await nodeNamed('del-n4').state()).accounts.length).toBe(1)
    await use('del-n4', 'del-e')
    const config = await runInDurableObject(stub, (_, state) => {
      const [row] = state.storage.sql.exec<{ manifest: string }>('SELECT manifest FROM nodes').toArray()
      return JSON.parse(row!.manifest) as { spec: never }
    })
    const { spec } = manifests(tenant('del-e')).tenants[0]!
    const departed = [
      { tenant: 'del-e', epoch: 1 },
      { tenant: 'del-unknown', epoch: 1 },
    ]
    const tenants = [{ tenant: 'del-e', epoch: 2, spec }]
    const told = { node: 'del-n4', spec: config.spec, tenants, departed }
    const first = await nodeNamed('del-n4').configure({ ...told, generation: 1_000 })
    expect(first.departed).toMatchObject([
      { usage: { spent: 8 * MICRO, presumed: 12 * MICRO } },
      { usage: null },
    ])
    await abortAllDurableObjects()
    const again = await nodeNamed('del-n4').configure({ ...told, generation: 1_000 })
    expect(again).toEqual(first)
    expect((await nodeNamed('del-n4').state()).accounts.map(({ epoch }) => epoch)).toEqual([2])
    const after = await nodeNamed('del-n4').configure({ ...told, departed: [], generation: 1_001 })
    expect(after.departed).toBeUndefined()
  })
})
