import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compositeKey,
  isName,
  normalizeHost,
  parseName,
  quote,
  splitCompositeKey,
} from '../../src/core/name.ts'

const ANY_TEXT = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('a', 'b', '_', '/', '~', '0', '1', ':', '.') }),
)

describe('parseName', () => {
  it.each(['a', '0', 'alpha', 'a.b_c-d', 'a'.repeat(63), 'constructor', '1.2', 'a..b'])(
    'accepts %s',
    (name) => {
      expect(parseName(name)).toEqual({ ok: true, value: name })
    },
  )

  it.each([
    ['', /empty/],
    ['..', /start with "\."/],
    ['-a', /start with "-"/],
    ['__proto__', /start with "_"/],
    ['Alpha', /write "alpha"/],
    ['toString', /lower case/],
    ['a b', /contain " " \(position 2\)/],
    ['a/b', /contain "\/"/],
    ['x'.repeat(64), /at most 63 characters, this has 64/],
    [7, /must be a string/],
    [null, /must be a string/],
    [['a'], /must be a string/],
  ])('refuses %s and says what to do', (name, text) => {
    expect(parseName(name)).toEqual({ ok: false, error: expect.stringMatching(text) })
  })

  it('agrees with isName on every text', () => {
    fc.assert(fc.property(ANY_TEXT, (text) => parseName(text).ok === isName(text)))
  })
})

describe('normalizeHost', () => {
  it.each([
    ['alpha.localhost', 'alpha.localhost'],
    ['Alpha.LocalHost', 'alpha.localhost'],
    ['alpha.localhost.', 'alpha.localhost'],
    ['alpha.localhost:8787', 'alpha.localhost'],
    ['ALPHA.localhost.:8787', 'alpha.localhost'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['a_b.example', 'a_b.example'],
    ['127.0.0.1:80', '127.0.0.1'],
    [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`],
  ])('%s becomes %s', (given, wanted) => {
    expect(normalizeHost(given)).toEqual({ ok: true, value: wanted })
  })

  it.each([
    ['', /empty/],
    ['.', /empty/],
    [':80', /empty/],
    ['a..b', /host name/],
    ['a.b..', /host name/],
    ['.a', /host name/],
    ['-a.b', /host name/],
    ['a-.b', /host name/],
    ['a.b:', /port/],
    ['a.b:65536', /port/],
    ['a.b:8o', /port/],
    ['a:1:2', /port/],
    ['user@a.b', /host name/],
    ['a.b/c', /host name/],
    ['[::1]', /IPv6/],
    ['*.a.b', /host name/],
    ['a b', /ASCII/],
    ['a\r\nb', /ASCII, got "\\r"/],
    ['a\0', /ASCII, got "\\u0000"/],
    ['\uff41lpha.localhost', /ASCII.*xn--/],
    ['\u212a.localhost', /ASCII/],
    ['bücher.example', /ASCII/],
    ['a\u3002b', /ASCII/],
    [`${'a'.repeat(64)}.b`, /1 to 63/],
    [`${'a.'.repeat(127)}b`, /at most 253/],
    [7, /must be a host name/],
    [undefined, /must be a host name/],
  ])('refuses %s', (given, text) => {
    const host = normalizeHost(given)
    expect(host).toEqual({ ok: false, error: expect.stringMatching(text) })
  })

  it('takes 253 characters, with a port and a final dot on top', () => {
    const longest = `${'a.'.repeat(126)}b`
    expect(longest.length).toBe(253)
    expect(normalizeHost(`${longest}.:65535`)).toEqual({ ok: true, value: longest })
    expect(normalizeHost(`a${longest}`).ok).toBe(false)
    expect(normalizeHost('a'.repeat(1_000_000))).toEqual({
      ok: false,
      error: expect.stringMatching(/1000000/),
    })
  })

  it('is idempotent, and ignores case, a final dot and a port', () => {
    const label = fc.stringMatching(/^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,20}[a-zA-Z0-9])?$/)
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), fc.nat(65_535), (labels, port) => {
        const host = normalizeHost(`${labels.join('.')}.:${port}`)
        expect(host).toEqual({ ok: true, value: labels.join('.').toLowerCase() })
      }),
    )
  })

  it('lets nothing through but lower-case ASCII host characters', () => {
    fc.assert(
      fc.property(ANY_TEXT, (text) => {
        const host = normalizeHost(text)
        if (host.ok) expect(host.value).toMatch(/^[a-z0-9._-]{1,253}$/)
      }),
    )
  })
})

describe('compositeKey', () => {
  it('keeps a_b + c apart from a + b_c, and every other pair of parts', () => {
    expect(compositeKey('a_b', 'c')).not.toBe(compositeKey('a', 'b_c'))
    const parts = fc.array(ANY_TEXT, { minLength: 1, maxLength: 4 }) as fc.Arbitrary<[string, ...string[]]>
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(compositeKey(...one) === compositeKey(...other)).toBe(same)
      }),
      { numRuns: 2_000 },
    )
  })

  it('can be taken apart again and leaves names readable', () => {
    expect(compositeKey('alpha', 'web')).toBe('alpha/web')
    const parts = fc.array(ANY_TEXT, { minLength: 1, maxLength: 4 }) as fc.Arbitrary<[string, ...string[]]>
    fc.assert(
      fc.property(parts, (list) => {
        expect(splitCompositeKey(compositeKey(...list))).toEqual(list)
      }),
    )
  })
})

describe('quote', () => {
  it('keeps a hostile text on one line, in one direction and short', () => {
    expect(quote('a\r\nb\u202e\u0000\ud800<é>')).toBe('"a\\r\\nb\\u202e\\u0000\\ud800<\\u00e9>"')
    expect(quote('x'.repeat(1_000_000)).length).toBeLessThan(80)
  })
})
