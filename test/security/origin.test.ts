import { describe, expect, it } from 'vitest'
import { forbiddenOrigins } from '../../src/admin/origins.ts'
import { checkOrigin, parseOriginRules } from '../../src/core/origin.ts'

function allowed(url: string, list: string): boolean {
  const rules = parseOriginRules(list)
  if (!rules.ok) throw new Error(rules.error)
  return checkOrigin(url, rules.value).ok
}

const INWARD = [
  'https://127.1/',
  'https://0x7f.1/',
  'https://2130706433/',
  'https://0177.0.0.1/',
  'https://127.0.0.1/',
  'https://0.0.0.0/',
  'https://10.0.0.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:169.254.169.254]/',
  'https://[fe80::1]/',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST/',
  'https://x.localhost/',
  'https://printer.local/',
  'https://metadata.google.internal/',
  'https://intranet/',
]

const NO_ORIGIN = [
  'https://user@api.example.com/',
  'https://user:secret@api.example.com/',
  'https://api.example.com@evil.example/',
  'http://api.example.com/',
  'file:///etc/passwd',
  'ftp://api.example.com/',
  'javascript:alert(1)',
  '//api.example.com/',
  'api.example.com',
  '',
]

describe('upstreams the operator did not allow', () => {
  it.each(INWARD)('%s is refused, also where any public name is allowed', (url) => {
    expect(allowed(url, '*')).toBe(false)
    expect(allowed(url, '*.example.com')).toBe(false)
    expect(allowed(url, '')).toBe(false)
  })

  it.each(NO_ORIGIN)('%s is refused whatever is allowed', (url) => {
    expect(allowed(url, '* api.example.com evil.example')).toBe(false)
  })
})

describe('upstreams the operator allowed', () => {
  it.each([
    ['https://api.example.com/v1', 'api.example.com', true],
    ['https://API.example.com./v1', 'api.example.com', true],
    ['https://api.example.com/v1', '*', true],
    ['https://api.example.com/v1', '*.example.com', true],
    ['https://example.com/', '*.example.com', false],
    ['https://evilexample.com/', '*.example.com', false],
    ['https://api.example.com.evil.example/', '*.example.com', false],
    ['https://api.example.com:8443/', 'api.example.com', false],
    ['https://api.example.com:8443/', 'api.example.com:8443', true],
    ['https://api.example.com/', 'api.example.com:443', true],
    ['https://127.1:8443/', '127.0.0.1:8443', true],
    ['https://[::1]/', '[::1]', true],
    ['https://localhost/', 'a.example, localhost', true],
  ])('%s by "%s": %s', (url, list, right) => expect(allowed(url, list)).toBe(right))

  it.each(['https://api.example.com', 'api.example.com/x', '**', 'a b!', '*.', 'x:99999999'])(
    'a list with %s is refused whole',
    (list) => expect(parseOriginRules(list)).toMatchObject({ ok: false }),
  )
})

it('names the nodes whose origin is not allowed', () => {
  const node = (name: string, origin: object) => ({ metadata: { name }, spec: { origin } })
  const nodes = [
    node('a', { url: 'https://127.1/' }),
    node('b', { url: 'https://api.example.com/' }),
    node('c', { echo: {} }),
    node('d', { service: 'x' }),
  ]
  const rules = parseOriginRules('api.example.com')
  expect(rules.ok && forbiddenOrigins(nodes, rules.value)).toEqual([expect.stringContaining('Node a')])
})
