import { describe, expect, it } from 'vitest'
import { API, adminOf, node, operations, stateOf, tenant } from './admin-client.ts'

describe('tenant a', () => {
  it('reads nothing of tenant b on any route, and changes nothing on any', { timeout: 30_000 }, async () => {
    const call = adminOf('sec-tenants')
    const spec = (name: string, base: number) => ({ base, hosts: [`${name}.example`], antiAffinity: 'apart' })
    await call(`${API}/apply`, {
      method: 'POST',
      json: [
        node('iso-1', { capacity: 777.654321 }),
        tenant('iso-a', spec('iso-a', 5)),
        tenant('iso-b', spec('bbb-host', 612.345678)),
      ],
    })
    await expect
      .poll(async () => await (await call(`${API}/summary`)).json())
      .toMatchObject({ waiting: 0, unconfirmed: 0 })
    const make = async (name: string) => {
      const made = await call(`${API}/tokens`, {
        method: 'POST',
        json: { tenant: name, note: `note-of-${name}`, scopes: ['read', 'devices'] },
      })
      return (await made.json()) as { id: string; token: string }
    }
    const [a, b] = [await make('iso-a'), await make('iso-b')]
    const before = await stateOf(call)
    const all = operations()
    expect(all.length).toBeGreaterThan(20)
    // Figures with so many places that no time or identifier holds them by chance.
    const foreign = new RegExp(`iso-b|bbb-host|612[.]345678|777[.]654321|${b.id}`)
    for (const figure of ['612.345678', '777.654321']) expect(before).toContain(figure)
    let reached = 0
    for (const { path, method } of all) {
      for (const target of ['iso-b', 'iso-a', 'iso-1', b.id]) {
        const at = path.replace('{name}', target).replace('{id}', b.id)
        for (const query of [
          '',
          '?kind=Tenant&name=iso-b',
          '?node=iso-1',
          '?after=iso-a',
          '?after=0',
          '?limit=500',
        ]) {
          const init =
            method === 'GET' || method === 'DELETE'
              ? {}
              : {
                  json: path.endsWith('/apply')
                    ? [tenant('iso-b', { base: 1 })]
                    : path.endsWith('/devices')
                      ? { devices: [] }
                      : { ...tenant(target), note: '' },
                }
          const answer = await call(at + query, {
            method,
            token: a.token,
            headers: { 'if-match': '*' },
            ...init,
          })
          expect([200, 400, 403, 404], `${method} ${at}${query}`).toContain(answer.status)
          // Its own split it may write; here it is the one it has.
          const own = path.endsWith('/devices') && target === 'iso-a'
          if (own) expect(answer.status).toBe(200)
          else if (method !== 'GET') expect(answer.status, `${method} ${at}`).not.toBe(200)
          const text = await readSome(answer)
          if (answer.status !== 200) {
            // What it asked for may be said back; nothing else.
            expect(text.replaceAll(target, ''), `${method} ${at}${query}`).not.toMatch(foreign)
          } else {
            reached++
            expect(text, `${method} ${at}${query}`).not.toMatch(foreign)
          }
        }
      }
    }
    expect(reached).toBeGreaterThan(10)
    expect(await stateOf(call)).toBe(before)
    const existing = await (await call(`${API}/tenants/iso-b`, { token: a.token })).json()
    const missing = await (await call(`${API}/tenants/iso-x`, { token: a.token })).json()
    expect(JSON.stringify(existing).replace('iso-b', 'iso-x')).toBe(JSON.stringify(missing))
  })

  it('splits its own base among its devices, and changes nothing else', async () => {
    const call = adminOf('sec-split')
    const spec = { base: 10, lendable: 0.5, hosts: ['split.example'] }
    await call(`${API}/apply`, { method: 'POST', json: [tenant('split', spec), tenant('other')] })
    const make = async (scopes: string[]) => {
      const made = await call(`${API}/tokens`, { method: 'POST', json: { tenant: 'split', scopes } })
      return ((await made.json()) as { token: string }).token
    }
    const [token, reader] = [await make(['devices']), await make(['read'])]
    const read = async () => await call(`${API}/tenants/split`)
    const first = await read()
    const etag = first.headers.get('etag')!
    const before = (await first.json()) as { manifest: { spec: object } }
    const put = async (json: unknown, match = '*', by = token, name = 'split') =>
      (
        await call(`${API}/tenants/${name}/devices`, {
          method: 'PUT',
          token: by,
          headers: match === '' ? {} : { 'if-match': match },
          json,
        })
      ).status
    const api = { name: 'api', base: 6, match: { paths: ['/api'] } }
    expect(await put({ devices: [api] }, etag, reader)).toBe(403)
    expect(await put({ devices: [api] }, '')).toBe(428)
    expect(await put({ devices: [api] }, '*', token, 'other')).toBe(404)
    for (const bad of [
      {},
      { devices: [{ ...api, base: 11 }] },
      { devices: [{ ...api, lendable: 0.4 }] },
      { devices: [{ ...api, match: { hosts: ['foreign.example'] } }] },
      { devices: [api], base: 99 },
      { devices: [{ ...api, base: -1 }] },
    ]) {
      expect(await put(bad), JSON.stringify(bad)).toBe(400)
    }
    expect(await (await read()).json()).toEqual(before)
    expect(await put({ devices: [api] }, etag)).toBe(200)
    expect(await put({ devices: [] }, etag)).toBe(412)
    const after = (await (await read()).json()) as { manifest: { spec: { devices: unknown[] } } }
    expect(after.manifest.spec).toEqual({
      ...before.manifest.spec,
      devices: [expect.objectContaining({ name: 'api', base: 6 })],
    })
    const events = (await (await call(`${API}/events?kind=Tenant&name=split`)).json()) as { items: object[] }
    expect(events.items.at(-1)).toMatchObject({
      actor: expect.stringMatching(/^token /),
      message: expect.stringContaining('devices api 6'),
    })
  })

  it('of a later life does not inherit the token of the former', async () => {
    const call = adminOf('sec-heir')
    await call(`${API}/apply`, { method: 'POST', json: [tenant('heir')] })
    const made = await call(`${API}/tokens`, { method: 'POST', json: { tenant: 'heir' } })
    const { token } = (await made.json()) as { token: string }
    expect((await call(`${API}/tenants/heir`, { token })).status).toBe(200)
    await call(`${API}/tenants/heir`, { method: 'DELETE', headers: { 'if-match': '*' } })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await call(`${API}/apply`, { method: 'POST', json: [tenant('heir')] })
    expect((await call(`${API}/tenants/heir`, { token })).status).toBe(401)
  })
})

/** The whole body, or of an endless one what comes at once. */
async function readSome(answer: Response): Promise<string> {
  if (answer.headers.get('content-type') !== 'text/event-stream') return await answer.text()
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader.read()).value ?? ''
  const soon = new Promise<{ value?: string }>((resolve) => setTimeout(() => resolve({}), 50))
  text += (await Promise.race([reader.read(), soon])).value ?? ''
  await reader.cancel()
  return text
}
