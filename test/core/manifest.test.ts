import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatManifestError, nearestOf } from '../../src/core/manifest/errors.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'

/** The error lines of one file, or [] when it is right. */
function faultsOf(text: string): string[] {
  const parsed = parseManifests([{ file: 'x.yaml', text }])
  return parsed.ok ? [] : parsed.error.map(formatManifestError)
}

function read(text: string) {
  const parsed = parseManifests([{ file: 'x.yaml', text }])
  if (!parsed.ok) throw new Error(parsed.error.map(formatManifestError).join('\n'))
  return parsed.value
}

const node = (spec: string) =>
  `apiVersion: stint/v1\nkind: Node\nmetadata: { name: n }\nspec: { capacity: 100${spec === '' ? '' : `, ${spec}`} }\n`
const tenant = (spec: string) =>
  `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: t }\nspec: { ${spec} }\n`

describe('the demo', () => {
  it('is three nodes of 160 tokens/s with an echo, the first filled by three tenants', () => {
    const set = read(readFileSync(new URL('../../examples/demo.yaml', import.meta.url), 'utf8'))
    const nodes = set.nodes.map(({ metadata, spec }) => [
      metadata.name,
      spec.capacity,
      spec.zone,
      spec.origin,
    ])
    expect(nodes).toEqual([
      ['node-1', 160, 'west', { echo: {} }],
      ['node-2', 160, 'west', { echo: {} }],
      ['node-3', 160, 'east', { echo: {} }],
    ])
    expect(set.tenants.map((it) => [it.metadata.name, it.spec.base, it.spec.hosts])).toEqual([
      ['alpha', 100, ['alpha.localhost']],
      ['beta', 50, ['beta.localhost']],
      ['gamma', 10, ['gamma.localhost']],
    ])
  })
})

describe('defaults', () => {
  it('complete a node', () => {
    expect(read(node('')).nodes[0]).toEqual({
      apiVersion: 'stint/v1',
      kind: 'Node',
      metadata: { name: 'n', labels: {}, annotations: {} },
      spec: { capacity: 100, roundMs: 1_000, origin: { echo: {} }, hourlyFee: 0, hazard: 0, cordoned: false },
    })
    expect(read(node('health: {}')).nodes[0]?.spec.health).toEqual({
      path: '/',
      intervalMs: 10_000,
      timeoutMs: 2_000,
      failureThreshold: 3,
      successThreshold: 2,
    })
  })

  it('complete a tenant and its devices', () => {
    const spec = read(tenant('base: 7, devices: [{ name: web, base: 2 }]')).tenants[0]?.spec
    expect(spec).toEqual({
      base: 7,
      weight: 7,
      priority: 4,
      lendable: 1,
      borrows: true,
      maxWaitMs: 0,
      hosts: [],
      paths: [],
      keys: [],
      mode: 'enforce',
      whenUnreachable: 'guarantee',
      cost: { perRequest: 1, perKiBIn: 0, perKiBOut: 0, header: 'Stint-Cost', rules: [] },
      shape: false,
      rateLimitFields: 'sparing',
      urgency: { min: 0, max: 7 },
      allow: [],
      deny: [],
      criticality: 1,
      zones: [],
      placement: { mode: 'automatic' },
      devices: [
        {
          name: 'web',
          base: 2,
          weight: 2,
          priority: 4,
          lendable: 1,
          borrows: true,
          match: { hosts: [], paths: [], methods: [] },
        },
      ],
    })
  })

  it('never overwrite what was written', () => {
    const spec = read(
      tenant(
        'base: 0, weight: 3, priority: 0, ceiling: 0, lendable: 0, borrows: false, maxWaitMs: 60000, mode: off, ' +
          'whenUnreachable: closed, cost: { perRequest: 0 }, urgency: { min: 3 }, rateLimitFields: false',
      ),
    ).tenants[0]?.spec
    expect(spec).toMatchObject({
      base: 0,
      weight: 3,
      priority: 0,
      ceiling: 0,
      lendable: 0,
      borrows: false,
      maxWaitMs: 60_000,
      mode: 'off',
      whenUnreachable: 'closed',
      cost: { perRequest: 0 },
      urgency: { min: 3, max: 7 },
      rateLimitFields: false,
    })
  })

  it('bring hosts and paths to their one form', () => {
    const spec = read(tenant('base: 1, hosts: [Alpha.Example.:80], paths: [/api/, /]')).tenants[0]?.spec
    expect(spec).toMatchObject({ hosts: ['alpha.example'], paths: ['/api', '/'] })
  })
})

describe('the form of a file', () => {
  const one = { apiVersion: 'stint/v1', kind: 'Node', metadata: { name: 'a' }, spec: { capacity: 5 } }
  const other = { ...one, metadata: { name: 'b' } }

  it.each([
    ['several documents', `${JSON.stringify(one)}\n---\n${JSON.stringify(other)}\n`],
    ['a JSON array', JSON.stringify([one, other])],
    ['a list with items', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [one, other] })],
    ['indented by tabs', JSON.stringify([one, other], null, '\t')],
    ['CR LF', JSON.stringify([one, other], null, 2).replaceAll('\n', '\r\n')],
    ['a byte order mark', `\uFEFF${JSON.stringify([one, other])}`],
    [
      'empty documents between',
      `---\n---\n${JSON.stringify(one)}\n---\n# none\n---\n${JSON.stringify(other)}\n---\n`,
    ],
  ])('may be %s', (_, text) => {
    expect(read(text).nodes.map((it) => it.metadata.name)).toEqual(['a', 'b'])
  })

  it('names the item of a list and the line', () => {
    const text = JSON.stringify({ kind: 'List', items: [one, { ...other, spec: { capacity: -1 } }] }, null, 1)
    expect(faultsOf(text)).toEqual([
      'x.yaml: document 1, items[1].spec.capacity: must not be negative, got -1 (line 21)',
    ])
  })

  it('names the document, the field and the line', () => {
    const text = `${node('')}---\n# a comment\n${tenant('base: x').replace('spec: {', 'spec: {\n ')}`
    expect(faultsOf(text)).toEqual([
      'x.yaml: document 2, spec.base: must be a number, not the string "x" (line 11)',
    ])
  })

  it('reports every fault of a file at once', () => {
    expect(faultsOf(tenant('base: -1, priority: 8, mode: of, lendable: 2')).length).toBe(4)
  })
})

describe('a field that is wrong', () => {
  it.each([
    [node('roundMs: 99'), 'spec.roundMs: must be at least 100'],
    [node('roundMs: 60001'), 'spec.roundMs: must be at most 60000'],
    [node('roundMs: 100.5'), 'spec.roundMs: must be a whole number'],
    [node('zone: EU'), 'spec.zone: must be lower case'],
    [tenant('base: 1, rateLimitFields: yes'), 'spec.rateLimitFields: must be sparing, true or false'],
    [node('origin: {}'), 'spec.origin: must be one of { echo: {} }'],
    [node('origin: { echo: {}, url: "https://a.b" }'), 'spec.origin: must be one of'],
    [node('origin: { url: "http://a.b" }'), 'spec.origin.url: must be https://'],
    [node('origin: { url: "https://u@a.b" }'), 'spec.origin.url: must be https://'],
    [node('origin: { url: "https://a.b/?q" }'), 'spec.origin.url: must be https://'],
    [node('origin: { url: file:///x }'), 'spec.origin.url: must be https://'],
    [node('origin: { service: A_B }'), 'spec.origin.service: must be lower case'],
    [node('health: { path: x }'), 'spec.health.path: must be a path'],
    [node('health: { timeoutMs: 20000 }'), 'spec.health.timeoutMs: must be at most intervalMs'],
    [node('power: { watts: [1, 2] }'), 'spec.power.watts: must have exactly 11 items'],
    [node('power: { idleWatts: 9, peakWatts: 8 }'), 'spec.power.peakWatts: must be at least idleWatts'],
    [node('power: { idleWatts: 9 }'), 'spec.power.peakWatts: is missing; it must be a number'],
    [node('power: 9'), 'spec.power: must be { watts: [11 numbers] } or'],
    [node('hazard: 1.1'), 'spec.hazard: must be at most 1'],
    [node('cordoned: yes'), 'spec.cordoned: must be true or false, not the string "yes"'],
    [node('').replace('100', '0'), 'spec.capacity: must be above 0'],
    [node('roundMs: 500').replace('100', '2251799814'), 'spec.capacity: must be at most 2251799813'],
    [
      node('roundMs: 2000').replace('100', '2251799813'),
      'spec.capacity: must be at most 2251799813 tokens in one round',
    ],
    [tenant('hosts: []'), 'spec.base: is missing; it must be a number'],
    [tenant('base: 5, ceiling: 4.999999'), 'spec.ceiling: must be at least base (5), got 4.999999'],
    [tenant('base: 5, priority: 8'), 'spec.priority: must be at most 7'],
    [tenant('base: 5, priority: -1'), 'spec.priority: must be at least 0'],
    [tenant('base: 5, lendable: 1.01'), 'spec.lendable: must be at most 1'],
    [tenant('base: 5, maxWaitMs: 60001'), 'spec.maxWaitMs: must be at most 60000'],
    [
      tenant('base: 5, mode: shadows'),
      'spec.mode: must be one of enforce, shadow, off, not the string "shadows"; did you mean shadow?',
    ],
    [tenant('base: 5, hosts: a.b'), 'spec.hosts: must be a list, not the string "a.b"'],
    [tenant('base: 5, hosts: [a.b, "a b"]'), 'spec.hosts[1]: must be ASCII'],
    [tenant('base: 5, paths: [api]'), 'spec.paths[0]: must start with "/"'],
    [tenant('base: 5, paths: [/a/../b]'), 'spec.paths[0]: must not contain "." or ".."'],
    [tenant('base: 5, paths: [/a%2fb]'), 'spec.paths[0]: must not contain "%"'],
    [tenant('base: 5, paths: [/a//b]'), 'spec.paths[0]: must not contain "//"'],
    [tenant('base: 5, urgency: { min: 5, max: 4 }'), 'spec.urgency.max: must be at least min'],
    [tenant('base: 5, allow: [10.0.0.0/33]'), 'spec.allow[0]: must be an IPv4 or IPv6 address'],
    [tenant('base: 5, cost: { header: "a b" }'), 'spec.cost.header: must be a header name'],
    [
      tenant('base: 5, cost: { rules: [{ method: get, tokens: 1 }] }'),
      'spec.cost.rules[0].method: must be a method in upper case',
    ],
    [tenant('base: 5, placement: { mode: auto }'), 'spec.placement.mode: must be one of'],
    [tenant('base: 5, cieling: 9'), 'spec.cieling: unknown field "cieling"; did you mean ceiling?'],
    [
      tenant('base: 5, cost: { perRequst: 9 }'),
      'spec.cost.perRequst: unknown field "perRequst"; did you mean perRequest?',
    ],
    [tenant('base: 5, zzz: 9'), 'spec.zzz: unknown field "zzz"; known here: base, weight'],
    [tenant('base: 5').replace('stint/v1', 'stint/v2'), 'apiVersion: must be stint/v1'],
    [
      tenant('base: 5').replace('Tenant', 'Tenent'),
      'kind: must be Node or Tenant, not "Tenent"; did you mean Tenant?',
    ],
    [tenant('base: 5').replace('kind: Tenant\n', ''), 'kind: must be Node or Tenant'],
    [
      tenant('base: 5').replace('name: t', 'name: T'),
      'metadata.name: must be lower case, got "T"; write "t"',
    ],
    [
      tenant('base: 5').replace('name: t', 'label: {}, name: t'),
      'metadata.label: unknown field "label"; did you mean labels?',
    ],
  ])('case %#', (text, fault) => {
    expect(faultsOf(text)).toEqual([expect.stringContaining(`x.yaml: document 1, ${fault}`)])
  })

  it('accepts the limits themselves', () => {
    const watts = `[${Array.from({ length: 11 }, (_, i) => i * 10).join(', ')}]`
    expect(
      faultsOf(node(`roundMs: 100, power: { watts: ${watts} }, origin: { url: "https://a.b:8443/x" }`)),
    ).toEqual([])
    expect(faultsOf(node('roundMs: 60000, power: { idleWatts: 5, peakWatts: 5 }, wakeMs: 0'))).toEqual([])
    expect(faultsOf(tenant('base: 5, ceiling: 5, priority: 7, lendable: 0, maxWaitMs: 60000'))).toEqual([])
    expect(faultsOf(tenant('base: 5, allow: [10.0.0.0/8, "2001:db8::/32", "::1", 192.0.2.1]'))).toEqual([])
  })
})

describe('nearestOf', () => {
  it('finds a word with one letter dropped, doubled or swapped, and nothing far away', () => {
    const fields = [
      'base',
      'weight',
      'priority',
      'ceiling',
      'lendable',
      'borrows',
      'maxWaitMs',
      'whenUnreachable',
    ]
    const slips = fc.tuple(fc.constantFrom(...fields), fc.nat(20), fc.constantFrom('drop', 'double', 'swap'))
    fc.assert(
      fc.property(slips, ([word, where, slip]) => {
        const at = where % (word.length - 1)
        const rest = { drop: word.slice(at + 1), double: word[at]! + word.slice(at), swap: '' }[slip]
        const typo =
          slip === 'swap'
            ? word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2)
            : word.slice(0, at) + rest
        expect(nearestOf(typo, fields)).toBe(word)
      }),
    )
    expect(nearestOf('zzzzzz', fields)).toBeUndefined()
    expect(nearestOf('x'.repeat(100_000), fields)).toBeUndefined()
  })
})
