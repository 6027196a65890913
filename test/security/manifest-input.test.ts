import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DOCUMENT_LIMITS, readResources } from '../../src/core/manifest/document.ts'
import { formatManifestError, MAX_ERRORS, type ManifestError } from '../../src/core/manifest/errors.ts'
import { parseManifests, TEXT_LIMITS } from '../../src/core/manifest/parse.ts'

const PLACE = { file: 'x', document: 1, prefix: '' }
const TENANT = { apiVersion: 'stint/v1', kind: 'Tenant', metadata: { name: 't' }, spec: { base: 1 } }

/** Every error names its place, is short and holds nothing that could break a line or show the program's inside. */
function expectClean(errors: readonly ManifestError[]): void {
  expect(errors.length).toBeGreaterThan(0)
  expect(errors.length).toBeLessThanOrEqual(MAX_ERRORS)
  for (const error of errors) {
    const line = formatManifestError(error)
    expect(line).toMatch(/^x: [ -~…×≤Σ]+$/)
    expect(line.length).toBeLessThan(1_500)
    expect(line).not.toMatch(/ {2}at |Error:|node_modules/)
  }
}

function errorsOfText(text: string, maxChars?: number): readonly ManifestError[] {
  const parsed = parseManifests([{ file: 'x', text }], maxChars === undefined ? {} : { maxChars })
  return parsed.ok ? [] : parsed.error
}

function errorsOfSpec(spec: unknown): readonly ManifestError[] {
  return readResources({ ...TENANT, spec }, PLACE).errors
}

const nested = (depth: number) =>
  JSON.stringify(TENANT).replace('{"base":1}', `${'['.repeat(depth)}${']'.repeat(depth)}`)

describe('broken texts', () => {
  it.each([
    ['empty', '', /at least one document/],
    ['blank', ' \n\t\n', /at least one document/],
    ['only a byte order mark', '\uFEFF', /at least one document/],
    ['an empty array', '[]', /at least one document/],
    ['null', 'null', /at least one document/],
    ['a number', '7', /must be a map/],
    ['a text', 'hello', /must be a map/],
    ['an array of the wrong type', '[1, "a", null, []]', /\[0\]: must be a map/],
    ['unclosed JSON', '{"a": [1, 2', /not valid YAML or JSON/],
    ['unclosed quotes', 'a: "x', /not valid YAML or JSON/],
    ['bad indentation', 'a: 1\n   b: 2', /not valid YAML or JSON/],
    ['the same key twice', 'kind: Node\nkind: Tenant', /same key twice.*line/],
    ['a NUL', 'a\0b: 1', /kind: must be/],
    ['a lone surrogate', '\ud800: 1', /kind: must be/],
    ['a map as key', '? {a: 1}\n: 2', /not valid YAML or JSON/],
    ['a tag that makes objects', '!!js/function "x"', /must not use tags/],
    ['a directive', '%YAML 1.1\n---\na: 1', /must not use directives/],
    ['aliases that grow', `a: &a [x, x]\n${'b'.repeat(9)}: &b [*a, *a]\nc: [*b, *b]`, /must not use anchors/],
    ['an alias to itself', 'a: &a [*a]', /must not use anchors/],
    ['an alias to nothing', 'a: *b', /must not use aliases/],
  ])('%s', (_, text, fault) => {
    const errors = errorsOfText(text)
    expectClean(errors)
    expect(formatManifestError(errors[0]!)).toMatch(fault)
  })

  it('of depth 10 000, in every notation', () => {
    for (const text of [
      '['.repeat(10_000),
      '{a: '.repeat(10_000),
      '- '.repeat(10_000),
      '? '.repeat(10_000),
      nested(10_000),
    ]) {
      const errors = errorsOfText(text)
      expectClean(errors)
      expect(errors[0]?.message).toMatch(/nested deeper than 64/)
    }
    expect(errorsOfText(nested(40))[0]?.message).toMatch(/must be a map of fields, not a list/)
  })

  it('of 100 000 keys, items, documents or errors', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}`)
    const texts = [
      keys.map((key) => `${key}: 1`).join('\n'),
      JSON.stringify(Object.fromEntries(keys.map((key) => [key, 1]))),
      JSON.stringify({
        ...TENANT,
        metadata: { name: 't', labels: Object.fromEntries(keys.slice(0, 1_001).map((k) => [k, 'x'])) },
      }),
      JSON.stringify(keys),
      '--- a\n'.repeat(100_000),
      JSON.stringify(Array.from({ length: 5_000 }, () => ({ ...TENANT, spec: { bas: 1 } }))),
    ]
    for (const text of texts) expectClean(errorsOfText(text, 1e9))
  })

  it('that made the parser slow: each is refused at its first fault', () => {
    const repeats = [
      '"',
      "'' ",
      "'a'\n",
      '"a" ',
      '&a ',
      '!a ',
      '*a ',
      '#\n',
      '\n',
      ',',
      '-\n',
      '%X\n',
      ']',
      '}',
      ': ',
      '|\n',
      '\t',
      '\uFEFF',
      '\0',
    ]
    for (const start of ['', '[', '{', 'a: ', 'a: "']) {
      for (const repeat of [...repeats, '\\q', '\\u0041']) {
        const errors = errorsOfText(start + repeat.repeat(50_000))
        expectClean(errors)
      }
    }
  })

  it('over the limit of size, and not those at it', () => {
    const text = `${JSON.stringify(TENANT)}\n`
    expect(errorsOfText(text, text.length)).toEqual([])
    expect(errorsOfText(text, text.length - 1)[0]?.message).toMatch(
      /must be at most \d+ characters, this has/,
    )
    expect(errorsOfText(' '.repeat(TEXT_LIMITS.maxChars + 1))[0]?.message).toMatch(
      /at most 1048576 characters/,
    )
  })

  it('of any kind give errors, never an exception', () => {
    const yamlish = fc.string({
      unit: fc.constantFrom(
        ...'ab:-?[]{},&*!|>\'"%@`#\n \t0.~',
        '---\n',
        'kind: Node\n',
        '  ',
        ': ',
        '\uFEFF',
        '\r',
        '\\',
      ),
      maxLength: 60,
    })
    fc.assert(
      fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expectClean(errorsOfText(text))
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('values that did not come from a text', () => {
  it('of any shape give errors, never an exception', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          fc.record({ kind: fc.constantFrom('Node', 'List', 'Tenant'), items: fc.anything() }),
        ),
        (value) => {
          const { resources, errors } = readResources(value, PLACE)
          expect(resources).toEqual([])
          if (errors.length > 0) expectClean(errors)
        },
      ),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(
        fc.anything(),
        fc.constantFrom('base', 'hosts', 'cost', 'devices', 'urgency', 'deny'),
        (value, field) => {
          const { resources, errors } = readResources({ ...TENANT, spec: { base: 1, [field]: value } }, PLACE)
          if (resources.length === 0) expectClean(errors)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('may be deep or wide', () => {
    let deep: unknown = 1
    for (let i = 0; i < 10_000; i++) deep = { a: deep }
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, 1]))
    for (const value of [
      deep,
      wide,
      { ...TENANT, spec: deep },
      { ...TENANT, spec: wide },
      [wide],
      Array(20_001).fill({}),
    ]) {
      expectClean(readResources(value, PLACE).errors)
    }
    expect(readResources({ ...TENANT, spec: deep }, PLACE).errors[0]?.message).toMatch(
      /nested deeper than 64/,
    )
    const edge = Object.fromEntries(Array.from({ length: DOCUMENT_LIMITS.maxKeys }, (_, i) => [`k${i}`, 'x']))
    expect(readResources({ ...TENANT, metadata: { name: 't', labels: edge } }, PLACE).errors).toEqual([])
  })
})

describe('tokens', () => {
  it.each([
    [-1, /must not be negative/],
    [0.0000001, /at most 6 decimals/],
    ['7', /must be a number, not the string "7"/],
    [null, /must be a number, not null/],
    [{}, /must be a number, not a map/],
    [[], /must be a number, not a list/],
    [true, /must be a number, not true/],
    [Number('1e309'), /must be a number, not Infinity/],
    [Number.NaN, /must be a number, not NaN/],
    [2 ** 53, /must be at most/],
  ])('%s are refused', (base, fault) => {
    const errors = errorsOfSpec({ base })
    expectClean(errors)
    expect(errors[0]).toMatchObject({ field: 'spec.base', message: expect.stringMatching(fault) })
  })

  it.each([
    '.nan',
    '.inf',
    '-.inf',
    '1e309',
    '0x',
    '1_000',
    '"7"',
    '~',
    '7 tokens',
    '0.0000001',
    '9007199254740992',
  ])('written %s are refused', (text) => {
    const errors = errorsOfText(`${JSON.stringify(TENANT).replace('"base":1', `"base": ${text}`)}`)
    expectClean(errors)
  })
})

describe('names', () => {
  const hostile = [
    '',
    'a'.repeat(1_000_000),
    'a\0',
    'a\r\nb',
    'a\u202eb',
    '\u0430lpha',
    'ａ',
    '..',
    '.',
    '\ud800',
    '__proto__',
    '-',
    'a b',
    '<img onerror=x>',
    '=1+1',
  ]

  it('that are hostile are refused as names of tenants, nodes, devices and zones', () => {
    for (const name of hostile) {
      const places = [
        { ...TENANT, metadata: { name } },
        { ...TENANT, kind: 'Node', spec: { capacity: 1 }, metadata: { name } },
        { ...TENANT, spec: { base: 1, devices: [{ name, base: 0 }] } },
        { ...TENANT, spec: { base: 1, zones: [name] } },
        { ...TENANT, spec: { base: 1, node: name } },
        { ...TENANT, spec: { base: 1, hosts: [`${name} x`] } },
      ]
      for (const value of places) expectClean(readResources(value, PLACE).errors)
    }
  })

  it('of fields that objects inherit are plain data or refused', () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      for (const inside of ['', '"metadata":{"name":"t",', '"spec":{"base":1,']) {
        const rest = inside === '' ? '' : inside
        const text = `{"apiVersion":"stint/v1","kind":"Tenant",${rest}${JSON.stringify(key)}:{"polluted":1}${inside === '' ? '' : '}'}}`
        const parsed: unknown = JSON.parse(text)
        expectClean(readResources(parsed, PLACE).errors)
        expectClean(errorsOfText(text))
      }
      expectClean(readResources({ ...TENANT, kind: key }, PLACE).errors)
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    const named = readResources(
      { ...TENANT, metadata: { name: 'constructor', labels: { toString: 'x' } } },
      PLACE,
    )
    expect(named.resources[0]?.manifest.metadata).toEqual({
      name: 'constructor',
      labels: { toString: 'x' },
      annotations: {},
    })
    const label = readResources(
      JSON.parse(
        '{"apiVersion":"stint/v1","kind":"Tenant","metadata":{"name":"t","labels":{"__proto__":"x"}},"spec":{"base":1}}',
      ),
      PLACE,
    )
    expectClean(label.errors)
  })
})
