import { parseItem, parseList } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { guardPath, parseTarget } from '../../src/core/request-path.ts'
import { AddressSet, parseAddress } from '../../src/edge/access.ts'
import { ByteTally, expectCost, MAX_ANSWER_TOKENS, parseCost } from '../../src/edge/cost.ts'
import { formatLimits, formatPolicies, TenantFields } from '../../src/edge/fields.ts'
import { urgencyOf } from '../../src/edge/urgency.ts'

const bytes = (base64: string) => Uint8Array.from(atob(base64), (it) => it.charCodeAt(0))
const cost = { perRequest: 1, perKiBIn: 0, perKiBOut: 0, header: 'Stint-Cost', rules: [] }

describe('RateLimit fields (draft-ietf-httpapi-ratelimit-headers-11)', () => {
  it.each([
    ['"default";q=100;w=10', [{ name: 'default', quota: 100, windowSeconds: 10 }]],
    [
      '"burst";q=100;w=60,"daily";q=1000;w=86400',
      [
        { name: 'burst', quota: 100, windowSeconds: 60 },
        { name: 'daily', quota: 1000, windowSeconds: 86_400 },
      ],
    ],
    [
      '"peruser";q=65535;qu="content-bytes";w=10;pk=:sdfjLJUOUA==:',
      [
        {
          name: 'peruser',
          quota: 65_535,
          unit: 'content-bytes' as const,
          windowSeconds: 10,
          partition: bytes('sdfjLJUOUA=='),
        },
      ],
    ],
  ])('writes the draft’s policy %s', (example, policies) => {
    expect(parseList(formatPolicies(policies))).toEqual(parseList(example))
  })

  it.each([
    ['"default";r=50;t=30', [{ name: 'default', remaining: 50, resetSeconds: 30 }]],
    [
      '"default";r=999;pk=:dHJpYWwxMjEzMjM=:',
      [{ name: 'default', remaining: 999, partition: bytes('dHJpYWwxMjEzMjM=') }],
    ],
    [
      '"default";r=300000000;t=60;pk=:QXBwLTk5OQ==:',
      [{ name: 'default', remaining: 300_000_000, resetSeconds: 60, partition: bytes('QXBwLTk5OQ==') }],
    ],
  ])('writes the draft’s limit %s', (example, limits) => {
    expect(parseList(formatLimits(limits))).toEqual(parseList(example))
  })

  it('escapes names and refuses what no structured field can hold', () => {
    expect(parseItem(formatLimits([{ name: 'a"\\b', remaining: 1 }]))[0]).toBe('a"\\b')
    for (const name of ['é', 'a\r\nSet-Cookie: x', '\0']) {
      expect(() => formatLimits([{ name, remaining: 1 }])).toThrow(RangeError)
    }
    for (const remaining of [-1, 0.5, Number.NaN, 1e15]) {
      expect(() => formatLimits([{ name: 'a', remaining }])).toThrow(RangeError)
    }
  })

  it.each([
    [100, cost, '"base";q=100;w=1', 42_500_000, '"base";r=42;t=1'],
    // What is lent to it is not of its base.
    [100, cost, '"base";q=100;w=1', 159_000_000, '"base";r=100;t=1'],
    [100, { ...cost, perRequest: 5 }, '"base";q=20;w=1', 42_500_000, '"base";r=8;t=1'],
    [0.1, cost, '"base";q=1;w=10', 1_000_000, '"base";r=1;t=10'],
    [0, cost, '"base";q=0;w=1', -5, '"base";r=0;t=1'],
    [20_000, cost, '"base";q=20000;w=1', 9_999_000_000, '"base";r=9999;t=1'],
    [20_000, cost, '"base";q=20000;w=1', 19_999_000_000, '"base";r=19900;t=1'],
    [
      1024,
      { ...cost, perRequest: 0, perKiBOut: 1 },
      '"base";q=1048576;qu="content-bytes";w=1',
      1e6,
      '"base";r=1024;t=1',
    ],
  ])('a tenant of base %d tells %s', (base, prices, policy, left, limit) => {
    const fields = new TenantFields({ base, cost: prices })
    expect(fields.policy).toBe(policy)
    expect(fields.limit(left)).toBe(limit)
    const [[name, parameters]] = parseList(fields.limit(left)) as [[string, Map<string, number>]]
    expect([name, parameters.get('r')]).toEqual(['base', Number(/r=(\d+)/.exec(limit)![1])])
    expect(parseList(fields.policy)).toHaveLength(1)
  })

  it('are due on one answer in 100 ms where they are sparing, and on all once half of a round is spent', () => {
    const fields = new TenantFields({ base: 100, cost }, 'base', 25_000_000)
    const due = [
      [25, 1_000],
      [24, 1_000],
      [13, 1_099],
      [12.5, 1_099],
      [0, 1_099],
      [-3, 1_100],
      [25, 1_199],
      [25, 1_200],
      [25, 900],
    ].map(([left, nowMs]) => fields.due(left! * 1_000_000, nowMs!))
    expect(due).toEqual([true, false, false, true, true, true, false, true, true])
  })

  it('are due on every answer otherwise, whatever the clock says', () => {
    const fields = new TenantFields({ base: 100, cost })
    for (const nowMs of [1_000, 1_000, 500]) expect(fields.due(1e9, nowMs)).toBe(true)
  })
})

describe('addresses are compared as bits', () => {
  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.0.0.0', '10.0.0.0/8', false],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['::FFFF:0a01:0203', '10.1.2.3', true],
    ['10.1.2.3', '::ffff:10.0.0.0/104', true],
    ['10.1.2.3', '::/0', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['2001:db8:8000::', '2001:db8::/33', false],
    ['1.2.3.4', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['010.1.2.3', '10.0.0.0/8', false],
    ['10.1.2', '10.0.0.0/8', false],
    ['10.1.2.3, 1.1.1.1', '10.0.0.0/8', false],
    ['', '0.0.0.0/0', false],
    ['fe80::1%eth0', 'fe80::/10', false],
  ])('%s in %s: %s', (address, range, inside) => {
    expect(new AddressSet([range]).has(address)).toBe(inside)
  })

  it('agrees with a plain comparison on ten thousand prefixes', () => {
    let seed = 1
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % below
    }
    const number = (text: string) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
    const address = () => [random(20), random(256), random(256), random(256)].join('.')
    const ranges = Array.from({ length: 10_000 }, () => `${address()}/${12 + random(21)}`)
    const set = new AddressSet(ranges)
    let hits = 0
    for (let i = 0; i < 300; i++) {
      const one = address()
      const slow = ranges.some((range) => {
        const [net = '', length = ''] = range.split('/')
        const size = 2 ** (32 - Number(length))
        return Math.floor(number(net) / size) === Math.floor(number(one) / size)
      })
      if (slow) hits++
      expect([one, set.has(one)]).toEqual([one, slow])
    }
    expect(hits).toBeGreaterThan(30)
    expect(hits).toBeLessThan(300)
  })

  it('reads every spelling to the same bits', () => {
    const spellings = ['::ffff:192.0.2.1', '0:0:0:0:0:ffff:c000:0201', '192.0.2.1']
    expect(new Set(spellings.map(parseAddress)).size).toBe(1)
    for (const wrong of ['1::2::3', ':::', '1:2:3:4:5:6:7', '12345::', 'g::', '::1.2.3.4.5', '1.2.3.256']) {
      expect([wrong, parseAddress(wrong)]).toEqual([wrong, undefined])
    }
  })
})

describe('what a request names', () => {
  it.each([
    ['http://a.localhost/x?q=1', { host: 'a.localhost', path: '/x', guard: '/x', search: '?q=1' }],
    ['http://A.LocalHost:8787/', { host: 'a.localhost', path: '/', guard: '/', search: '' }],
    ['http://a.localhost./x', { host: 'a.localhost', path: '/x', guard: '/x', search: '' }],
    ['http://a.localhost/x/../admin', { path: '/admin', guard: '/admin' }],
    ['http://a.localhost/%2e%2e/admin', { path: '/admin', guard: '/admin' }],
    ['http://a.localhost//admin', { path: '//admin', guard: '/admin' }],
    ['http://a.localhost/x%2f..%2fadmin', { guard: '/admin' }],
    ['http://a.localhost/a%2fb', { guard: '/a/b' }],
    ['http://a.localhost/%61pi/', { guard: '/api/' }],
    ['http://a.localhost/x\\..\\admin', { guard: '/admin' }],
    ['http://a.localhost/.../x', { guard: '/.../x' }],
  ])('%s', (url, target) => {
    expect(parseTarget(url)).toMatchObject(target)
  })

  it.each([
    'http://a.localhost/%00',
    'http://a.localhost/%zz',
    'http://a.localhost/%ff',
    'http://[::1]/',
    'http://user@a.localhost/',
    `http://${'a.'.repeat(200)}b/`,
    'http://a..b/',
    'http://\u017Aa.localhost/',
    'nonsense',
  ])('%s is refused or never a plain name', (url) => {
    expect(parseTarget(url)?.host ?? 'none').toMatch(/^none$|^xn--/)
  })

  it('finds one form, whatever is done to it again', () => {
    for (const path of ['/x/../admin', '/%2e%2e/admin', '//a//b/', '/a%2fb', '/a/./b/.', '/..']) {
      const once = guardPath(path)!
      expect(guardPath(once)).toBe(once)
    }
  })
})

describe('costs', () => {
  it.each([
    ['5', 5_000_000],
    ['0', 0],
    ['0.25', 250_000],
    ['1e3', undefined],
    ['-1', undefined],
    ['NaN', undefined],
    ['1, 2', undefined],
    ['0.0000001', undefined],
    [null, undefined],
    ['999999999999999', MAX_ANSWER_TOKENS * 1e6],
  ])('the origin says %s', (text, micro) => expect(parseCost(text)).toBe(micro))

  it('prices pieces as their sum, and expects the largest of late', () => {
    const tally = new ByteTally(1_000_000)
    let sum = 0
    for (let i = 0; i < 3 * 1024; i++) sum += tally.cost(1)
    expect(sum).toBe(3_000_000)
    expect(expectCost(100, 500)).toBe(500)
    let expected = 500
    for (let i = 0; i < 2_000; i++) expected = expectCost(expected, 10)
    expect(expected).toBe(10)
  })

  it.each([
    [null, 3],
    ['u=0', 0],
    ['u=7, i', 7],
    ['i, u=5', 5],
    ['u=1, u=2', 2],
    ['u=9', 3],
    ['u=-1', 3],
    ['xu=0', 3],
    ['u=1.5', 3],
    ['u="0"', 3],
  ])('urgency of Priority: %s is %d', (text, urgency) => {
    expect(urgencyOf(text, { min: 0, max: 7 })).toBe(urgency)
  })

  it('clamps urgency to what the tenant allows', () => {
    expect(urgencyOf('u=0', { min: 2, max: 5 })).toBe(2)
    expect(urgencyOf('u=7', { min: 2, max: 5 })).toBe(5)
  })
})
