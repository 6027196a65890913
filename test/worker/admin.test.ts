import { describe, expect, it } from 'vitest'
import type { ApplyReport, JournalEvent, NodeView, TenantView } from '../../src/core/coordinator-api.ts'
import { API, adminOf, node, tenant } from './admin-client.ts'

describe('apply', () => {
  it('takes JSON lists and YAML, reports, and changes nothing the second time', async () => {
    const call = adminOf('adm-apply')
    const items = [node('apa-1'), tenant('apa-a', { base: 5 })]
    const first = await call(`${API}/apply`, { method: 'POST', json: items })
    expect(first.status).toBe(200)
    const report = (await first.json()) as ApplyReport
    expect(report).toMatchObject({ created: 2, changed: 0, unchanged: 0 })
    const yaml = items.map((it) => JSON.stringify(it)).join('\n---\n')
    const again = await call(`${API}/apply`, {
      method: 'POST',
      body: yaml,
      headers: { 'content-type': 'application/yaml' },
    })
    expect(await again.json()).toEqual({
      ...report,
      created: 0,
      unchanged: 2,
      changes: [],
      revision: expect.any(Number),
    })
  })

  it('keeps nothing of a dry run and prunes when asked', async () => {
    const call = adminOf('adm-prune')
    await call(`${API}/apply`, { method: 'POST', json: [node('apr-1'), tenant('apr-a'), tenant('apr-b')] })
    const left = { method: 'POST', json: [node('apr-1'), tenant('apr-b')] }
    const dry = await call(`${API}/apply?prune=true&dryRun=true`, left)
    expect(await dry.json()).toMatchObject({ deleted: 1, changes: [{ name: 'apr-a', action: 'deleted' }] })
    expect((await call(`${API}/tenants/apr-a`)).status).toBe(200)
    await call(`${API}/apply?prune=true`, left)
    expect((await call(`${API}/tenants/apr-a`)).status).toBe(404)
    expect((await call(`${API}/tenants/apr-b`)).status).toBe(200)
  })

  it('says in the status that a tenant does not fit, with the numbers, and places it once there is room', async () => {
    const call = adminOf('adm-fit')
    await call(`${API}/apply`, {
      method: 'POST',
      json: [node('apf-1', { capacity: 10 }), tenant('apf-a', { base: 8 }), tenant('apf-b', { base: 5 })],
    })
    const read = async () => (await (await call(`${API}/tenants/apf-b`)).json()) as TenantView
    await expect.poll(async () => (await read()).status.observedGeneration).toBe(1)
    const { status } = await read()
    expect(status.phase).toBe('Pending')
    expect(status.conditions[0]).toMatchObject({ type: 'Placed', status: 'False', reason: 'DoesNotFit' })
    expect(status.conditions[0]!.message).toMatch(/needs 5 tokens\/s.*apf-1 has 2 free of 10/)
    await call(`${API}/apply`, { method: 'POST', json: [node('apf-2', { capacity: 5 })] })
    await expect.poll(async () => (await read()).status.phase).toBe('Ready')
    expect((await read()).status).toMatchObject({ node: 'apf-2', epoch: 1, reserved: 5 })
  })
})

describe('preconditions', () => {
  it('lets one of two writers through', async () => {
    const call = adminOf('adm-two')
    await call(`${API}/apply`, { method: 'POST', json: [tenant('two-a', { base: 1 })] })
    const etag = (await call(`${API}/tenants/two-a`)).headers.get('etag')!
    const put = (base: number, headers: Record<string, string>) =>
      call(`${API}/tenants/two-a`, { method: 'PUT', json: tenant('two-a', { base }), headers })
    expect((await put(2, {})).status).toBe(428)
    expect((await put(2, { 'if-match': 'x' })).status).toBe(400)
    expect((await put(2, { 'if-none-match': '*' })).status).toBe(412)
    expect((await put(2, { 'if-match': etag })).status).toBe(200)
    expect((await put(3, { 'if-match': etag })).status).toBe(412)
    const view = (await (await call(`${API}/tenants/two-a`)).json()) as TenantView
    expect(view).toMatchObject({ generation: 2, manifest: { spec: { base: 2 } } })
    const remove = (headers: Record<string, string>) =>
      call(`${API}/tenants/two-a`, { method: 'DELETE', headers })
    expect((await remove({ 'if-match': etag })).status).toBe(412)
    expect((await remove({ 'if-match': '*' })).status).toBe(200)
    expect((await remove({ 'if-match': '*' })).status).toBe(404)
  })

  it('gives a repeated write the first outcome and refuses its key to another', async () => {
    const call = adminOf('adm-idem')
    const headers = { 'idempotency-key': 'k1', 'if-match': '*' }
    await call(`${API}/apply`, { method: 'POST', json: [tenant('idem-a')] })
    const first = await call(`${API}/tenants/idem-a`, { method: 'DELETE', headers })
    const again = await call(`${API}/tenants/idem-a`, { method: 'DELETE', headers })
    expect([first.status, again.status]).toEqual([200, 200])
    expect(await again.json()).toEqual(await first.json())
    const other = await call(`${API}/tenants/idem-b`, { method: 'DELETE', headers })
    expect(other.status).toBe(409)
  })
})

describe('nodes', () => {
  it('cordon keeps new tenants away, outlives apply, and ends with uncordon', async () => {
    const call = adminOf('adm-cordon')
    await call(`${API}/apply`, { method: 'POST', json: [node('cor-1')] })
    const cordoned = await call(`${API}/nodes/cor-1/cordon`, { method: 'POST' })
    expect(cordoned.status).toBe(200)
    await call(`${API}/apply`, { method: 'POST', json: [node('cor-1'), tenant('cor-a')] })
    const read = async () => (await (await call(`${API}/tenants/cor-a`)).json()) as TenantView
    await expect.poll(async () => (await read()).status.conditions[0]!.reason).toBe('NodeClosed')
    await call(`${API}/nodes/cor-1/uncordon`, { method: 'POST' })
    await expect.poll(async () => (await read()).status.node).toBe('cor-1')
    const drained = (await (await call(`${API}/nodes/cor-1/drain`, { method: 'POST' })).json()) as NodeView
    expect(drained.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Drained', status: 'False', message: '1 tenants left' }),
    )
    const refused = await call(`${API}/nodes/cor-1`, { method: 'DELETE', headers: { 'if-match': '*' } })
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ code: 'in-use' })
  })

  it('lists in pages', async () => {
    const call = adminOf('adm-page')
    const names = Array.from({ length: 7 }, (_, i) => `pg-${i}`)
    await call(`${API}/apply`, { method: 'POST', json: names.map((name) => tenant(name)) })
    const seen: string[] = []
    let after = ''
    for (let pages = 0; pages < 4; pages++) {
      const page = (await (await call(`${API}/tenants?limit=3${after}`)).json()) as {
        items: TenantView[]
        next?: string
      }
      seen.push(...page.items.map((it) => it.manifest.metadata.name))
      if (page.next === undefined) break
      after = `&after=${page.next}`
    }
    expect(seen).toEqual(names)
    expect((await call(`${API}/tenants?limit=0`)).status).toBe(400)
    expect((await call(`${API}/tenants?limit=501`)).status).toBe(400)
    expect((await call(`${API}/tenants?colour=red`)).status).toBe(400)
  })
})

describe('events', () => {
  it('tell every step with who did it, and can be watched', async () => {
    const call = adminOf('adm-events')
    await call(`${API}/apply`, { method: 'POST', json: [node('evt-1'), tenant('evt-a', { base: 2 })] })
    const read = async () =>
      ((await (await call(`${API}/events?limit=500`)).json()) as { items: JournalEvent[] }).items
    await expect.poll(async () => (await read()).map((it) => it.reason)).toContain('Placed')
    const events = await read()
    expect(events.map(({ kind, name, reason }) => `${kind} ${name} ${reason}`)).toEqual([
      'Node evt-1 Created',
      'Tenant evt-a Created',
      'Tenant evt-a Placed',
    ])
    expect(events[0]!.actor).toBe('root')
    expect(events[2]!.actor).toBeUndefined()
    const stream = await call(`${API}/watch?after=${events[1]!.seq}`)
    expect(stream.headers.get('content-type')).toBe('text/event-stream')
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    while (!text.includes('"Placed"')) text += (await reader.read()).value ?? ''
    await reader.cancel()
    expect(text).toContain(`id: ${events[2]!.seq}\n`)
    expect(text).not.toContain('"Created"')
  })
})

describe('usage', () => {
  it('comes from the node that counts it', async () => {
    const call = adminOf('adm-usage')
    await call(`${API}/apply`, {
      method: 'POST',
      json: [node('usg-1'), tenant('usg-a', { base: 7 }), tenant('usg-b', { base: 900 })],
    })
    const read = async (path: string) => await (await call(`${API}${path}`)).json()
    await expect.poll(() => read('/tenants/usg-a/usage')).toMatchObject({ available: true })
    expect(await read('/tenants/usg-a/usage')).toMatchObject({
      tenant: 'usg-a',
      node: 'usg-1',
      accounts: [{ tenant: 'usg-a', base: 7, usage: { spent: 0 } }],
    })
    expect(await read('/usage')).toMatchObject({ items: [{ available: true }, { available: false }] })
  })
})

describe('signals', () => {
  it('are kept with their validity, judged by the coordinator, and keep tenants off a node', async () => {
    const call = adminOf('adm-signals')
    const now = Date.now()
    const zone = { kind: 'zone', zone: 'west', measure: 'carbon', value: 120 }
    const signals = [
      { ...zone, validFromMs: now - 2_000, validUntilMs: now - 1_000 },
      { ...zone, measure: 'price', value: -3.5, validFromMs: now - 1_000, validUntilMs: now + 60_000 },
      { kind: 'node', node: 'sig-1', severity: 'avoid', note: 'fan fails', validFromMs: 0, validUntilMs: 1 },
      {
        kind: 'node',
        node: 'sig-2',
        severity: 'avoid',
        note: 'fan',
        validFromMs: now - 1,
        validUntilMs: now + 60_000,
      },
    ]
    expect((await call(`${API}/signals`, { method: 'POST', json: { signals } })).status).toBe(200)
    const { items } = (await (await call(`${API}/signals`)).json()) as { items: { state: string }[] }
    expect(items.map((it) => it.state)).toEqual(['stale', 'valid', 'stale', 'valid'])
    await call(`${API}/apply`, { method: 'POST', json: [node('sig-2'), tenant('sig-a')] })
    const read = async () => (await (await call(`${API}/tenants/sig-a`)).json()) as TenantView
    await expect.poll(async () => (await read()).status.conditions[0]!.reason).toBe('NodeClosed')
    await call(`${API}/apply`, { method: 'POST', json: [node('sig-1')] })
    await expect.poll(async () => (await read()).status.node).toBe('sig-1')
    const wrong = [{ ...signals[0], validUntilMs: 0 }]
    expect((await call(`${API}/signals`, { method: 'POST', json: { signals: wrong } })).status).toBe(400)
  })
})
