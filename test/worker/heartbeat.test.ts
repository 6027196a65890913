import { runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import { MESSAGE_VERSION } from '../../src/core/messages.ts'

function node(name: string, health?: object) {
  return nodeSchema.parse({
    apiVersion: 'stint/v1',
    kind: 'Node',
    metadata: { name },
    spec: { capacity: 100, ...(health === undefined ? {} : { health }) },
  })
}

const coordinator = () => env.COORDINATOR.getByName('main')

/** What the coordinator holds of a node's health. */
async function health(name: string) {
  const view = await coordinator().node(name)
  return view!.status.conditions.find(({ type }) => type === 'Healthy')!
}

async function applied(name: string, probe?: object): Promise<void> {
  await coordinator().apply({ nodes: [node(name, probe)], tenants: [] })
  await expect.poll(async () => (await coordinator().node(name))!.status.conditions[0]!.status).toBe('True')
}

it('reports from its alarm, and the coordinator believes it', async () => {
  await applied('hb-1')
  expect((await health('hb-1')).status).toBe('Unknown')
  const stub = env.NODES.getByName('hb-1')
  for (let beat = 0; beat < 4; beat++) expect(await runDurableObjectAlarm(stub)).toBe(true)
  expect(await health('hb-1')).toMatchObject({ status: 'True', reason: 'Heard' })
})

it('tells what the edges saw of its origin: too many failures make it degraded', async () => {
  await applied('hb-2', { path: '/health' })
  const stub = env.NODES.getByName('hb-2')
  await runDurableObjectAlarm(stub)
  for (let beat = 0; beat < 3; beat++) {
    const origin = { requests: 100, failures: 90, timeouts: 5, totalMs: 1_000 }
    await stub.lease({ version: MESSAGE_VERSION, edge: 'e', accounts: [], origin })
    await runDurableObjectAlarm(stub)
  }
  expect(await health('hb-2')).toMatchObject({ status: 'False', reason: 'OriginErrors' })
})
