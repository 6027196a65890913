import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { API, adminOf, node, operations, problem, stateOf, tenant } from './admin-client.ts'

const deep = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
const manyKeys = `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}`
const named = (name: string) => JSON.stringify([tenant(name)])
const based = (base: string) => `[${JSON.stringify(tenant('bad')).replace('{"base":1}', `{"base":${base}}`)}]`

describe('bad bodies change nothing', () => {
  const bodies: [string, string | Uint8Array<ArrayBuffer>, string?][] = [
    ['broken JSON', '{"a": [1, 2'],
    ['empty', ''],
    ['an empty list', '[]'],
    ['a byte order mark', `\uFEFF${named('a')}`],
    ['a number', '7'],
    ['null', 'null'],
    ['a text', '"x"'],
    ['lists of lists', '[[[]]]'],
    ['bytes that are not UTF-8', new Uint8Array([0x5b, 0xff, 0xfe, 0x5d])],
    ['depth 10 000', deep(10_000)],
    ['100 000 keys', manyKeys],
    ['a kind nobody knows', '[{"apiVersion":"stint/v1","kind":"Pod"}]'],
    ...['-1', '0.0000001', '"7"', 'null', '{}', '1e309', 'NaN', '9007199254740992e9'].map(
      (base): [string, string] => [`base ${base}`, based(base)],
    ),
    ...[
      '__proto__',
      'constructor ',
      '',
      'A',
      'x'.repeat(64),
      'n\u0000',
      'a\r\nb',
      'a\u202eb',
      'аlpha',
      '..',
      '\ud800',
      '<img onerror=x>',
      '=1+1',
    ].map((name): [string, string] => [`name ${JSON.stringify(name).slice(0, 20)}`, named(name)]),
    [
      '__proto__ as key',
      '[{"apiVersion":"stint/v1","kind":"Tenant","metadata":{"name":"p"},"spec":{"base":1,"__proto__":{"x":1}}}]',
    ],
    ['a name of 1 MB', named('x'.repeat(1 << 20))],
    ['the same name twice', JSON.stringify([tenant('twin'), tenant('twin')])],
    ['an unknown field', JSON.stringify([tenant('u', { base: 1, cieling: 2 })])],
    ['http origin', JSON.stringify([node('o', { capacity: 1, origin: { url: 'http://127.1' } })])],
    ['user in the origin', JSON.stringify([node('o', { capacity: 1, origin: { url: 'https://u@h' } })])],
    ['a file origin', JSON.stringify([node('o', { capacity: 1, origin: { url: 'file:///etc/passwd' } })])],
    ['broken YAML', 'a: [1', 'application/yaml'],
    ['YAML with aliases', 'a: &a [x]\nb: *a', 'application/yaml'],
    ['deep YAML', `a: ${'['.repeat(10_000)}`, 'application/yaml'],
  ]
  it('whatever they are', async () => {
    const call = adminOf('sec-bodies')
    await call(`${API}/apply`, { method: 'POST', json: [node('sb-1'), tenant('sb-a')] })
    await expect
      .poll(async () => await (await call(`${API}/summary`)).json())
      .toMatchObject({ waiting: 0, unconfirmed: 0 })
    const before = await stateOf(call)
    for (const [name, body, type = 'application/json'] of bodies) {
      const answer = await call(`${API}/apply`, { method: 'POST', body, headers: { 'content-type': type } })
      expect(answer.status, name).toBe(400)
      const { detail } = await problem(answer)
      expect(detail, name).toMatch(/^[ -~…×≤Σ→]{5,400}$/)
      expect(detail, name).not.toMatch(/ {2}at |Error:|node_modules/)
    }
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      '',
      'application/json; charset=utf-16',
    ]) {
      const answer = await call(`${API}/apply`, {
        method: 'POST',
        body: named('ct'),
        headers: { 'content-type': type },
      })
      expect(answer.status, type).toBe(415)
    }
    expect(await stateOf(call)).toBe(before)
  })

  it('too large: 413, by length, in chunks, or lying about it', async () => {
    const call = adminOf('sec-large')
    const large = JSON.stringify({ note: 'x'.repeat(20_000) })
    const post = (init: RequestInit) =>
      call(`${API}/tokens`, {
        method: 'POST',
        ...init,
        headers: { 'content-type': 'application/json', ...init.headers },
      })
    expect((await post({ body: large })).status).toBe(413)
    const chunks = () =>
      new ReadableStream({
        start(controller) {
          for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(1_000).fill(32))
          controller.close()
        },
      })
    expect((await post({ body: chunks() })).status).toBe(413)
    expect((await post({ body: chunks(), headers: { 'content-length': '10' } })).status).toBe(413)
  })
})

describe('a fuzzer', () => {
  it('of 10 000 random bodies finds no 500', { timeout: 240_000 }, async () => {
    const call = adminOf('sec-fuzz')
    const writes = operations().filter(({ method }) => method !== 'GET' && method !== 'DELETE')
    const name = fc.oneof(
      fc.constantFrom('fz-a', 'fz-b', '__proto__', 'constructor'),
      fc.string({ unit: 'binary', maxLength: 12 }),
    )
    const number = fc.oneof(
      fc.double(),
      fc.integer({ min: -1, max: 100 }),
      fc.constantFrom(Number.POSITIVE_INFINITY, 2 ** 53, 0.1),
    )
    const leaf = fc.oneof(number, name, fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 3 }))
    const spec = fc.dictionary(
      fc.constantFrom(
        'base',
        'capacity',
        'weight',
        'priority',
        'ceiling',
        'hosts',
        'paths',
        'node',
        'zones',
        'devices',
        'origin',
        'health',
        'power',
        'cost',
        'urgency',
        'allow',
        'antiAffinity',
        'placement',
        'zone',
        'roundMs',
      ),
      fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(name, leaf, { maxKeys: 3 })),
      { maxKeys: 5 },
    )
    const manifest = fc.record(
      {
        apiVersion: fc.constantFrom('stint/v1', 'stint/v1', 'x'),
        kind: fc.constantFrom('Node', 'Tenant', 'List'),
        metadata: fc.oneof(
          fc.record({ name, labels: fc.dictionary(name, leaf, { maxKeys: 2 }) }, { requiredKeys: ['name'] }),
          leaf,
        ),
        spec: fc.oneof(spec, leaf),
        items: fc.array(leaf, { maxLength: 2 }),
      },
      { requiredKeys: ['kind'] },
    )
    const signal = fc.record(
      {
        kind: fc.constantFrom('zone', 'node', 'x'),
        zone: name,
        node: name,
        measure: fc.constantFrom('price', 'carbon', 'x'),
        value: leaf,
        severity: fc.constantFrom('info', 'avoid'),
        note: name,
        validFromMs: number,
        validUntilMs: number,
      },
      { requiredKeys: ['kind'] },
    )
    const token = fc.record(
      {
        note: name,
        tenant: name,
        scopes: fc.array(fc.constantFrom('read', 'write', 'x')),
        expiresMs: number,
      },
      { requiredKeys: [] },
    )
    const right = fc.record({
      apiVersion: fc.constant('stint/v1'),
      kind: fc.constant('Tenant'),
      metadata: fc.record({ name: fc.constantFrom('fz-a', 'fz-b', 'fz-c') }),
      spec: fc.record({ base: fc.integer({ min: 0, max: 100 }), priority: fc.integer({ min: 0, max: 7 }) }),
    })
    const body = fc.oneof(
      fc.oneof(right, fc.array(right, { maxLength: 3 })).map((it) => JSON.stringify(it)),
      fc
        .oneof(
          manifest,
          fc.array(manifest, { maxLength: 3 }),
          token,
          fc.record({ signals: fc.array(signal, { maxLength: 3 }) }),
          fc.jsonValue(),
        )
        .map((it) => JSON.stringify(it)),
      fc.string({ unit: 'binary', maxLength: 80 }),
    )
    const header = fc.oneof(
      fc.constantFrom('*', undefined),
      fc.option(fc.string({ unit: fc.constantFrom('"', '*', '1', 'W', '/', 'x', ' '), maxLength: 6 }), {
        nil: undefined,
      }),
    )
    const seen = new Map<number, number>()
    const attempt = fc.tuple(
      fc.constantFrom(...writes),
      name,
      body,
      header,
      fc.constantFrom('application/json', 'application/json', 'application/json', 'application/yaml'),
    )
    await fc.assert(
      fc.asyncProperty(attempt, async ([{ path, method }, target, text, ifMatch, type]) => {
        const at = path.replace('{name}', encodeURIComponent(target.toWellFormed()))
        const headers: Record<string, string> = { 'content-type': type }
        if (ifMatch !== undefined) headers['if-match'] = ifMatch
        const answer = await call(at, { method, body: text, headers })
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
        await answer.text()
        return answer.status < 500
      }),
      { numRuns: 10_000, endOnFailure: true },
    )
    console.log('10 000 random bodies by status:', Object.fromEntries(seen))
    expect(seen.get(200) ?? 0).toBeGreaterThan(50)
    expect(seen.get(400) ?? 0).toBeGreaterThan(1_000)
  })
})
