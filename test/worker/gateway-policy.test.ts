import { parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { type AskOptions, env, manifest, nodeOf, type World, world } from './world.ts'

const trusting = { ...env, STINT_ADDRESS_HEADER: 'CF-Connecting-IP' }
const from = (address: string): AskOptions => ({ headers: { 'CF-Connecting-IP': address } })

async function usage(it: World, tenant = 'a') {
  const { accounts } = await nodeOf(it).state()
  return accounts.find((account) => account.tenant === `${tenant}${it.name}` && account.device === undefined)!
}

async function hashed(key: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

describe('identification', () => {
  it('by path prefix, the longest first, whatever its spelling', async () => {
    const it = await world(
      `${manifest(40, { a: 'base: 10' })}---\napiVersion: stint/v1\nkind: Tenant\nmetadata: { name: b$ }\n` +
        'spec: { hosts: [a$.localhost], paths: [/api, /x/y], node: n$, base: 10 }\n',
    )
    const tenantOf = async (path: string) =>
      (await (await it.ask('a', { path })).json<{ tenant: string }>()).tenant
    for (const path of ['/', '/apix', '/x', '/x/api']) expect(await tenantOf(path)).toBe(`a${it.name}`)
    for (const path of ['/api', '/api/', '/api/z', '/x/../api', '//api', '/%61pi', '/x/y', '/z%2f..%2fapi']) {
      expect([path, await tenantOf(path)]).toEqual([path, `b${it.name}`])
    }
  })

  it('by API key: only its hash is stored, a wrong one spends nothing of the tenant', async () => {
    const [red, blue] = [await hashed('red'), await hashed('blue')]
    const it = await world(
      `${manifest(40, { a: `base: 10, keys: [{ sha256: ${red} }]` })}---\n` +
        `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: b$ }\n` +
        `spec: { hosts: [a$.localhost], keys: [{ sha256: ${blue} }], node: n$, base: 10 }\n`,
    )
    const ask = (key?: string) =>
      it.askAndSettle('a', key === undefined ? {} : { headers: { 'Stint-Key': key } })
    expect(await (await ask('red')).json()).toMatchObject({ tenant: `a${it.name}` })
    expect(await (await ask('blue')).json()).toMatchObject({ tenant: `b${it.name}` })
    const before = (await usage(it)).usage
    for (const key of [undefined, 'green', '', 'x'.repeat(600), red]) {
      const answer = await ask(key)
      expect([key, answer.status]).toEqual([key, 401])
      expect(await answer.json()).toMatchObject({ code: key ? 'key-wrong' : expect.stringMatching(/^key-/) })
    }
    expect((await usage(it)).usage).toEqual(before)
    const twice = `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: c$ }\nspec: { hosts: [c$.localhost], base: 1, keys: [{ sha256: ${blue} }] }\n`
    await expect(it.apply(twice)).rejects.toThrow(/the key/)
  })

  it('by device: each part of a tenant’s traffic has an account of its own', async () => {
    const devices = 'devices: [{ name: api, base: 5, match: { paths: [/api], methods: [POST] } }]'
    const it = await world(manifest(40, { a: `base: 20, ${devices}` }))
    await it.askAndSettle('a', { path: '/api', method: 'POST' })
    await it.askAndSettle('a', { path: '/api' })
    const { accounts } = await nodeOf(it).state()
    expect(accounts.map(({ device, usage: used }) => [device, used.admitted])).toEqual([
      [undefined, 0],
      ['api', 1],
      ['default', 1],
    ])
  })

  it('by device: what matches none has what the devices leave, and each is told of its own share', async () => {
    const devices = 'devices: [{ name: api, base: 5, ceiling: 5, match: { paths: [/api] } }]'
    const it = await world(manifest(40, { a: `base: 20, ${devices}` }))
    const policy = async (path: string) => (await it.ask('a', { path })).headers.get('RateLimit-Policy')
    expect([await policy('/api'), await policy('/')]).toEqual(['"api";q=5;w=1', '"default";q=15;w=1'])
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.ask('a', { path: '/api' })))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(20)
    expect(refused[0]!.headers.get('RateLimit')).toMatch(/^"api";r=0;t=\d+$/)
    expect(await refused[0]!.json()).toMatchObject({ status: 429, 'violated-policies': ['api'] })
    expect((await it.ask('a', { path: '/other' })).status).toBe(200)
  })

  it('by device: one that is removed under traffic takes nothing along of what was used', async () => {
    const text = (devices: string) => manifest(40, { a: `base: 20, ${devices}` })
    const it = await world(text('devices: [{ name: api, base: 5, match: { paths: [/api] } }]'))
    const used = async () => {
      const { accounts } = await nodeOf(it).state()
      return accounts.map(({ device, usage: { admitted, spent, presumed } }) => [
        device,
        admitted,
        spent + presumed,
      ])
    }
    for (let i = 0; i < 3; i++) await it.askAndSettle('a', { path: '/api' })
    await it.askAndSettle('a')
    expect((await used()).map(([device, admitted]) => [device, admitted])).toEqual([
      [undefined, 0],
      ['api', 3],
      ['default', 1],
    ])
    await it.apply(text('devices: []'))
    // The isolate still knows the device, and goes on naming it.
    await it.askAndSettle('a', { path: '/api' })
    expect((await used()).map(([device, admitted]) => [device, admitted])).toEqual([[undefined, 5]])
    await it.apply(text('devices: [{ name: api, base: 5, match: { paths: [/api] } }]'))
    await it.askAndSettle('a', { path: '/api' })
    const sum = (await used()).reduce((all, [, admitted]) => all + Number(admitted), 0)
    expect(sum).toBe(6)
  })
})

describe('addresses', () => {
  it('are refused by the deny list and let in by the allow list, as bits', async () => {
    const it = await world(
      manifest(40, {
        a: "base: 10, deny: ['192.0.2.0/24', '2001:db8::/32']",
        b: "base: 10, allow: ['192.0.2.0/24']",
      }),
    )
    const status = async (tenant: string, address: string) =>
      (await it.ask(tenant, { ...from(address), env: trusting })).status
    expect(await status('a', '192.0.2.9')).toBe(403)
    expect(await status('a', '::ffff:192.0.2.9')).toBe(403)
    expect(await status('a', '2001:db8:1::1')).toBe(403)
    expect(await status('a', '198.51.100.1')).toBe(200)
    expect(await status('b', '192.0.2.9')).toBe(200)
    expect(await status('b', '198.51.100.1')).toBe(403)
    expect(await status('b', '')).toBe(403)
  })

  it('of a header that nobody declared trusted count for nothing', async () => {
    const it = await world(manifest(40, { b: "base: 10, allow: ['192.0.2.0/24']" }))
    const headers = { 'CF-Connecting-IP': '192.0.2.9', 'X-Forwarded-For': '192.0.2.9' }
    expect((await it.ask('b', { headers })).status).toBe(403)
    expect((await it.ask('b', { headers: { 'X-Forwarded-For': '192.0.2.9' }, env: trusting })).status).toBe(
      403,
    )
  })
})

describe('modes', () => {
  it('shadow refuses nothing and counts what it would have refused', async () => {
    const it = await world(manifest(20, { a: 'base: 5, borrows: false, mode: shadow', b: 'base: 15' }))
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.askAndSettle('a')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    await it.askAndSettle('a')
    const { usage: used, owed } = await usage(it)
    expect(used.admitted).toBe(41)
    expect(used.shadowed).toBeGreaterThanOrEqual(30)
    expect([used.refused, owed]).toEqual([0, 0])
  })

  it('off neither refuses nor counts', async () => {
    const it = await world(manifest(20, { a: 'base: 5, borrows: false, mode: off' }))
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.askAndSettle('a')))
    expect(answers.every(({ status, headers }) => status === 200 && !headers.has('RateLimit'))).toBe(true)
    expect((await usage(it)).usage.admitted).toBe(0)
  })
})

describe('RateLimit fields', () => {
  it('tell the base and what is left, on admitted and refused answers', async () => {
    const it = await world(manifest(20, { a: 'base: 10, borrows: false', b: 'base: 10' }))
    const admitted = await it.askAndSettle('a')
    expect(admitted.headers.get('RateLimit-Policy')).toBe('"base";q=10;w=1')
    const [[name, limit]] = parseList(admitted.headers.get('RateLimit')!) as [[string, Map<string, number>]]
    expect(name).toBe('base')
    expect(limit.get('r')).toBe(9)
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.ask('a')))
    const refused = answers.find(({ status }) => status === 429)!
    expect(refused.headers.get('RateLimit')).toBe(`"base";r=0;t=${refused.headers.get('Retry-After')}`)
  })

  it('are told now and then while much is left, and always when less than half of a round is', async () => {
    const tenants = { a: 'base: 10', b: 'base: 10, rateLimitFields: true' }
    const it = await world(manifest(20, tenants, ', roundMs: 60000'))
    const told = async (tenant: string, requests: number) => {
      const answers: boolean[] = []
      while (answers.length < requests) {
        const { status, headers } = await it.ask(tenant)
        expect([status, headers.has('RateLimit-Policy')]).toEqual([200, headers.has('RateLimit')])
        answers.push(headers.has('RateLimit'))
      }
      return answers
    }
    const beganAtMs = Date.now()
    const sparing = await told('a', 290)
    expect(sparing[0]).toBe(true)
    const allowed = 1 + Math.floor((Date.now() - beganAtMs) / 100)
    expect(sparing.filter(Boolean).length).toBeLessThanOrEqual(allowed)
    expect(sparing).toContain(false)
    await told('a', 20)
    expect(await told('a', 50)).not.toContain(false)
    expect(await told('b', 50)).not.toContain(false)
  })

  it('are absent where the tenant switched them off', async () => {
    const it = await world(
      manifest(20, { a: 'base: 10, borrows: false, rateLimitFields: false', b: 'base: 10' }),
    )
    const answers = await Promise.all(Array.from({ length: 40 }, () => it.ask('a')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]))
    for (const { headers } of answers) {
      expect(headers.has('RateLimit') || headers.has('RateLimit-Policy')).toBe(false)
    }
  })
})

describe('costs', () => {
  const spent = async (it: World) => {
    await it.askAndSettle('a', { path: '/free' })
    return (await usage(it)).usage.spent
  }
  const rules =
    'rules: [{ path: /free, tokens: 0 }, { path: /dear, tokens: 7 }, { path: /dear, method: GET, tokens: 3 }]'

  it('by method and path, the most specific rule first', async () => {
    const it = await world(manifest(1000, { a: `base: 1000, cost: { ${rules} }` }))
    await it.askAndSettle('a')
    await it.askAndSettle('a', { path: '/dear/x' })
    await it.askAndSettle('a', { path: '/dear', method: 'POST', body: 'x' })
    expect(await spent(it)).toBe(1 + 3 + 7)
  })

  it('per KiB in and out, while the bytes stream', async () => {
    const it = await world(manifest(5000, { a: `base: 5000, cost: { perKiBIn: 1, perKiBOut: 2, ${rules} }` }))
    await it.askAndSettle('a', { path: '/free?bytes=102400', method: 'POST', body: new Uint8Array(51_200) })
    const { usage: used } = await usage(it)
    expect([used.bytesIn, used.bytesOut]).toEqual([51_200, 102_400])
    // The answers of the two small requests cost a little, too.
    expect(used.spent).toBeGreaterThanOrEqual(250)
    expect(used.spent).toBeLessThan(251)
  })

  it('as the origin tells: the reserve is topped up or given back, and the client never sees it', async () => {
    const it = await world(manifest(1000, { a: `base: 1000, cost: { perRequest: 10, ${rules} }` }))
    const more = await it.askAndSettle('a', { path: '/?cost=25' })
    const less = await it.askAndSettle('a', { path: '/?cost=4' })
    expect([more.headers.has('Stint-Cost'), less.headers.has('Stint-Cost')]).toEqual([false, false])
    await it.askAndSettle('a', { path: '/dear' })
    expect(await spent(it)).toBeCloseTo(25 + 4 + 3, 5)
  })

  it('of an origin dearer than its reserve become the tenant’s own debt, not its neighbour’s', async () => {
    const it = await world(manifest(20, { a: 'base: 10', b: 'base: 10' }))
    await it.askAndSettle('a', { path: '/?cost=500' })
    const answers = await Promise.all(Array.from({ length: 9 }, () => it.ask('b')))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect((await usage(it)).owed).toBeGreaterThan(400)
    expect((await it.ask('a')).status).toBe(429)
  })
})

describe('waiting', () => {
  it('admits in order of urgency, within what the tenant allows', async () => {
    const it = await world(
      manifest(20, { a: 'base: 20, maxWaitMs: 10000, urgency: { min: 1, max: 6 }', b: 'base: 0' }),
    )
    await Promise.all(Array.from({ length: 20 }, () => it.ask('a')))
    const order: number[] = []
    const asked = [6, 7, 3, 1, 0, 5].flatMap((urgency) =>
      Array.from({ length: 5 }, async () => {
        const answer = await it.ask('a', { headers: { Priority: `u=${urgency}` } })
        expect(answer.status).toBe(200)
        order.push(urgency)
      }),
    )
    await Promise.all(asked)
    const ranks = order.map((urgency) => Math.min(6, Math.max(1, urgency)))
    expect(ranks).toEqual([...ranks].sort((x, y) => x - y))
  })

  it('takes up a second of 1.5 times the base: everything admitted, nobody waits longer than allowed', async () => {
    const it = await world(manifest(100, { a: 'base: 100, maxWaitMs: 2000, borrows: false' }))
    const waits: number[] = []
    const ask = async (i: number) => {
      const urgency = [6, 0, 3][i % 3]!
      const fromMs = Date.now()
      const answer = await it.ask('a', { headers: { Priority: `u=${urgency}` } })
      expect(answer.status).toBe(200)
      waits.push(Date.now() - fromMs)
    }
    const asked: Promise<void>[] = []
    for (let i = 0; i < 150; i += 5) {
      asked.push(...[0, 1, 2, 3, 4].map((j) => ask(i + j)))
      await new Promise((resolve) => setTimeout(resolve, 33))
    }
    await Promise.all(asked)
    // The order of urgencies is the wait queue's own test: sums of waiting depend on the machine.
    expect(waits).toHaveLength(150)
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000 + 1_000)
    expect(waits.filter((ms) => ms > 50).length).toBeGreaterThan(0)
  })

  it('is bounded: the surplus is refused at once', async () => {
    const book = { accountsPerMessage: 100, waitingPerAccount: 30, waitingBytesPerAccount: 1e6 }
    const limits = {
      book: { ...book, waitingPerIsolate: 1_000, waitingBytesPerIsolate: 1e7, answerMs: 2_000 },
    }
    const it = await world(manifest(20, { a: 'base: 20, maxWaitMs: 10000', b: 'base: 0' }), limits)
    await Promise.all(Array.from({ length: 20 }, () => it.ask('a')))
    const ended: number[] = []
    const asked = Array.from({ length: 60 }, async () => {
      ended.push((await it.ask('a')).status)
    })
    await Promise.all(asked)
    expect(ended.filter((status) => status === 429).length).toBeGreaterThanOrEqual(25)
    // Those refused were answered before anybody who waited.
    expect(ended.indexOf(200)).toBeGreaterThanOrEqual(ended.filter((status) => status === 429).length - 1)
  })
})

describe('shaping', () => {
  it('slows a stream to the tenant’s rate and never cuts it', async () => {
    const shaped = 'base: 1024, borrows: false, shape: true, cost: { perRequest: 0, perKiBOut: 1 }'
    const it = await world(manifest(2048, { a: shaped, b: 'base: 1024' }))
    const startedMs = Date.now()
    const answer = await it.ask('a', { path: `/?bytes=${3 * 1024 * 1024}` })
    expect((await answer.arrayBuffer()).byteLength).toBe(3 * 1024 * 1024)
    // 3 MiB at 1 MiB/s: the first is there at once, the others a second later each.
    expect(Date.now() - startedMs).toBeGreaterThan(1_500)
    expect((await usage(it)).owed).toBe(0)
  })
})
