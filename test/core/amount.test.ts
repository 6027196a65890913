import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isMicro,
  MAX_MICRO,
  MAX_TOKENS,
  MICRO_PER_TOKEN,
  parseTokens,
  toMicro,
  toTokens,
} from '../../src/core/amount.ts'

describe('toMicro', () => {
  it.each([
    [0, 0],
    [1, 1_000_000],
    [0.000001, 1],
    [0.1, 100_000],
    [0.3, 300_000],
    [1.1, 1_100_000],
    [1.000001, 1_000_001],
    [4_294_967_295.999999, 4_294_967_295_999_999],
    [MAX_TOKENS, MAX_MICRO],
  ])('%d tokens are %d micro-tokens', (tokens, micro) => {
    expect(toMicro(tokens)).toBe(micro)
  })

  it('never gives a negative zero', () => {
    expect(Object.is(toMicro(-0), 0)).toBe(true)
  })

  it.each([
    [-1, /negative/],
    [-1e-9, /negative/],
    [Number.NaN, /finite/],
    [Number.POSITIVE_INFINITY, /finite/],
    [Number('1e309'), /finite/],
    [0.0000001, /6 decimals/],
    [0.1234567, /6 decimals/],
    [0.1 + 0.2, /6 decimals/],
    [2 ** 53, /at most/],
    [MAX_TOKENS + 1, /at most/],
    ['7', /number of tokens, not a string/],
    [null, /not null/],
    [undefined, /not nothing/],
    [{}, /not an object/],
    [[1], /not a list/],
    [7n, /not a bigint/],
  ])('refuses %s', (value, text) => {
    const parsed = parseTokens(value)
    expect(parsed).toEqual({ ok: false, error: expect.stringMatching(text) })
    expect(() => toMicro(value as number)).toThrow(RangeError)
  })

  it('gives back every micro-token below 2^33 tokens', () => {
    const micro = fc.integer({ min: 0, max: 2 ** 33 * MICRO_PER_TOKEN })
    fc.assert(
      fc.property(micro, (m) => toMicro(toTokens(m)) === m),
      { numRuns: 5_000 },
    )
  })

  it('accepts exactly the decimals with up to six places', () => {
    const parts = fc.tuple(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: 999_999 }))
    fc.assert(
      fc.property(parts, ([whole, six]) => {
        const text = `${whole}.${String(six).padStart(6, '0')}`
        expect(parseTokens(Number(text))).toEqual({ ok: true, value: whole * MICRO_PER_TOKEN + six })
        expect(parseTokens(Number(`${text}1`)).ok).toBe(false)
      }),
    )
  })

  it('never lets a value through that the ledger would refuse', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.double({ min: 0, max: 1e10 }), fc.anything()), (value) => {
        const parsed = parseTokens(value)
        if (parsed.ok) expect(isMicro(parsed.value)).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('toTokens', () => {
  it('converts debt too and refuses fractions', () => {
    expect(toTokens(-1_500_000)).toBe(-1.5)
    expect(() => toTokens(0.5)).toThrow(RangeError)
    expect(() => toTokens(2 ** 53)).toThrow(RangeError)
  })
})
