import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildEdge, buildWorker } from '../../scripts/build.ts'
import { Admin } from '../../scripts/run/admin.ts'
import { type RunningWorkerd, startWorkerd } from '../../scripts/run/workerd.ts'
import { ask } from './ask.ts'

const PORT = 18_478
const TOKEN = 'secret-of-the-chaos-tests-0123456789'
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: far }
spec: { capacity: 100, origin: { echo: {} } }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: shop }
spec: { base: 50, hosts: [shop.localhost] }
`

let folder = ''
let workerd: RunningWorkerd

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stint-edge-'))
  const built = await buildWorker(undefined, join(folder, 'worker'))
  const edge = await buildEdge(join(folder, 'edge'))
  const vars = { STINT_ADMIN_TOKEN: TOKEN, STINT_LOG: 'errors' }
  workerd = await startWorkerd({ built, edge, port: PORT, stateFolder: join(folder, 'state'), vars })
  await new Admin(workerd.url, TOKEN).apply(MANIFEST)
})

afterAll(async () => {
  await workerd?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('the edge as a Worker of its own, the objects and the admin API in another', () => {
  it('admits a tenant from a lease of the node that the other Worker has', async () => {
    const { status, text } = await ask(PORT, 'shop.localhost')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ tenant: 'shop', node: 'far' })
    expect((await ask(PORT, 'nobody.localhost')).status).toBe(404)
  })

  it('serves the admin API and the page, and in the metrics what this edge has counted, whoever claims else', async () => {
    const page = await fetch(`${workerd.url}/_stint/`)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect((await fetch(`${workerd.url}/_stint/api/v1/tenants`)).status).toBe(401)
    const headers = { Authorization: `Bearer ${TOKEN}`, 'Stint-Tally': '{"messages":123456}' }
    const text = await (await fetch(`${workerd.url}/_stint/metrics`, { headers })).text()
    const messages = Number(/^stint_isolate_messages_total (\d+)$/m.exec(text)?.[1])
    expect(messages).toBeGreaterThanOrEqual(1)
    expect(messages).toBeLessThan(123_456)
  })
})
