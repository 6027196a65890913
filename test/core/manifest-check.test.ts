import { describe, expect, it } from 'vitest'
import { formatManifestError } from '../../src/core/manifest/errors.ts'
import { parseManifests } from '../../src/core/manifest/parse.ts'

interface Written {
  readonly kind: 'Node' | 'Tenant'
  readonly name: string
  readonly spec: Record<string, unknown>
}

const node = (name: string, capacity: number): Written => ({ kind: 'Node', name, spec: { capacity } })
const tenant = (name: string, spec: Record<string, unknown>): Written => ({
  kind: 'Tenant',
  name,
  spec: { base: 1, ...spec },
})

function faultsOf(written: readonly Written[], complete = true): string[] {
  const text = written
    .map(({ kind, name, spec }) => JSON.stringify({ apiVersion: 'stint/v1', kind, metadata: { name }, spec }))
    .join('\n---\n')
  const parsed = parseManifests([{ file: 'x', text }], { complete })
  return parsed.ok
    ? []
    : parsed.error.map((error) => formatManifestError(error).replace(/ \(line \d+\)$/, ''))
}

describe('the whole set', () => {
  it('refuses a name used twice in one kind, also over two files', () => {
    expect(faultsOf([tenant('a', {}), node('a', 1)])).toEqual([])
    expect(faultsOf([tenant('a', {}), tenant('a', {})])).toEqual([
      'x: document 2, metadata.name: must be unique, Tenant a is already in x: document 1',
    ])
    const text = 'apiVersion: stint/v1\nkind: Node\nmetadata: { name: n }\nspec: { capacity: 1 }\n'
    const parsed = parseManifests([
      { file: 'one', text },
      { file: 'two', text },
    ])
    expect(parsed.ok ? [] : parsed.error.map(formatManifestError)).toEqual([
      'two: document 1, metadata.name: must be unique, Node n is already in one: document 1 (line 3)',
    ])
  })

  it.each([
    [{ hosts: ['a.b'] }, { hosts: ['c.d', 'A.B.'] }, 'hosts: must not claim a.b/, tenant one'],
    [
      { hosts: ['a.b'], paths: ['/x'] },
      { hosts: ['a.b'], paths: ['/y', '/x/'] },
      'hosts: must not claim a.b/x,',
    ],
    [{ paths: ['/x'] }, { paths: ['/x'] }, 'paths: must not claim /x on any host, tenant one'],
  ])('refuses a route claimed twice, case %#', (one, two, fault) => {
    expect(faultsOf([tenant('one', one), tenant('two', two)])).toEqual([
      expect.stringContaining(`x: document 2, spec.${fault}`),
    ])
  })

  it.each([
    [{ hosts: ['a.b'] }, { hosts: ['c.b'] }],
    [
      { hosts: ['a.b'], paths: ['/x'] },
      { hosts: ['a.b'], paths: ['/y'] },
    ],
    [{ hosts: ['a.b'] }, { hosts: ['a.b'], paths: ['/x'] }],
    [{ hosts: ['a.b'], paths: ['/x'] }, { paths: ['/x'] }],
    [{}, {}],
  ])('accepts routes of which one is more specific, case %#', (one, two) => {
    expect(faultsOf([tenant('one', one), tenant('two', two)])).toEqual([])
  })

  it('refuses a pin to an unknown node, unless the set is a part', () => {
    const set = [node('n', 5), tenant('a', { node: 'm' })]
    expect(faultsOf(set)).toEqual(['x: document 2, spec.node: must name a node, there is none called m'])
    expect(faultsOf(set, false)).toEqual([])
  })

  it('holds Σ base ≤ capacity on each node, exactly', () => {
    const tenths = Array.from({ length: 3 }, (_, i) => tenant(`t${i}`, { base: 0.1, node: 'n' }))
    expect(faultsOf([node('n', 0.3), ...tenths])).toEqual([])
    expect(faultsOf([node('n', 0.299999), ...tenths])).toEqual([
      'x: document 4, spec.base: must leave room: with it the bases fixed to n sum to 0.3 of 0.299999 tokens/s',
    ])
    expect(faultsOf([node('n', 1), tenant('a', { base: 9 })])).toEqual([])
  })
})

describe('devices', () => {
  const withDevices = (spec: Record<string, unknown>, ...devices: Record<string, unknown>[]) =>
    faultsOf([tenant('a', { base: 10, ...spec, devices })])

  it('may use up the base of their tenant, exactly, and no more', () => {
    const three = [0.1, 0.1, 0.1].map((base, i) => ({ name: `d${i}`, base, match: { paths: [`/${i}`] } }))
    expect(withDevices({ base: 0.3 }, ...three)).toEqual([])
    expect(withDevices({ base: 0.299999 }, ...three)).toEqual([
      'x: document 1, spec.devices: must have bases that sum to at most the base of the tenant (0.299999), got 0.3',
    ])
  })

  it('have names of their own and a ceiling above their base', () => {
    expect(withDevices({}, { name: 'd', base: 1 }, { name: 'd', base: 1, match: { paths: ['/x'] } })).toEqual(
      ['x: document 1, spec.devices[1].name: must be unique, devices[0] has the same name'],
    )
    expect(withDevices({}, { name: 'd', base: 2, ceiling: 1 })).toEqual([
      'x: document 1, spec.devices[0].ceiling: must be at least base (2), got 1',
    ])
  })

  it.each([
    [{}, {}, '/ on any host'],
    [{ paths: ['/x'] }, { paths: ['/y', '/x'] }, '/x on any host'],
    [{ hosts: ['a.b'] }, { hosts: ['a.b'] }, 'a.b/'],
    [{ hosts: ['a.b'], methods: ['GET'] }, { hosts: ['a.b'], methods: ['PUT', 'GET'] }, 'GET a.b/'],
  ])('must not overlap without a winner, case %#', (one, two, route) => {
    const devices = [
      { name: 'd', base: 1, match: one },
      { name: 'e', base: 1, match: two },
    ]
    expect(withDevices({}, ...devices)).toEqual([
      `x: document 1, spec.devices[1].match: must not overlap the match of d: both claim ${route}`,
    ])
  })

  it.each([
    [{}, { paths: ['/x'] }],
    [{ paths: ['/x'] }, { paths: ['/x/y'] }],
    [{ paths: ['/x'] }, { hosts: ['a.b'] }],
    [{ methods: ['GET'] }, { methods: ['PUT'] }],
    [{ methods: ['GET'] }, {}],
  ])('may overlap where one is more specific, case %#', (one, two) => {
    const devices = [
      { name: 'd', base: 1, match: one },
      { name: 'e', base: 1, match: two },
    ]
    expect(withDevices({}, ...devices)).toEqual([])
  })

  it('match only hosts of their tenant', () => {
    expect(withDevices({ hosts: ['a.b'] }, { name: 'd', base: 1, match: { hosts: ['a.b', 'c.d'] } })).toEqual(
      ['x: document 1, spec.devices[0].match.hosts[1]: must be one of the hosts of the tenant'],
    )
  })
})
