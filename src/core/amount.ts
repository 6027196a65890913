import { err, ok, type Result } from './result.ts'

/** Micro-tokens in one token: the ledger counts in whole micro-tokens, so sums are exact. */
export const MICRO_PER_TOKEN = 1_000_000

/** Largest amount the ledger may hold, in micro-tokens: 2^53 − 1, the last integer a double counts exactly. */
export const MAX_MICRO = Number.MAX_SAFE_INTEGER

/** Largest amount in tokens that {@link parseTokens} accepts: {@link MAX_MICRO} / 10^6, about 9.007·10^9. */
export const MAX_TOKENS = MAX_MICRO / MICRO_PER_TOKEN

/** Whether a value is an amount the ledger accepts: an integer from 0 to {@link MAX_MICRO} micro-tokens. */
export function isMicro(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** @throws RangeError unless {@link isMicro}. */
export function assertMicro(tokens: number): void {
  if (!isMicro(tokens)) {
    throw new RangeError(`an amount must be a whole number of micro-tokens from 0 to 2^53 − 1, not ${tokens}`)
  }
}

/**
 * Converts an outside amount in tokens to micro-tokens.
 *
 * The conversion is exact: the result is the integer whose quotient by 10^6 is the very double given, and an
 * amount with more than six decimals is refused, never rounded. Below 2^33 tokens every micro-token has a
 * double of its own; above, a double stands for up to two micro-tokens and one of them is chosen.
 *
 * @returns the amount, or a text that says what is wrong ("must be …")
 */
export function parseTokens(tokens: unknown): Result<number, string> {
  if (typeof tokens !== 'number') return err(`must be a number of tokens, not ${kindOf(tokens)}`)
  if (!Number.isFinite(tokens)) return err(`must be a finite number of tokens, not ${tokens}`)
  if (tokens < 0) return err(`must not be negative, got ${tokens}`)
  if (tokens > MAX_TOKENS) return err(`must be at most ${MAX_TOKENS} tokens, got ${tokens}`)
  // The product carries two roundings, so near 2^53 it may be off by one: look at the neighbours too.
  const nearest = Math.round(tokens * MICRO_PER_TOKEN)
  for (const micro of [nearest, nearest - 1, nearest + 1]) {
    if (micro / MICRO_PER_TOKEN === tokens && isMicro(micro)) return ok(micro + 0)
  }
  return err(`must be a whole number of micro-tokens (at most 6 decimals), got ${tokens}`)
}

/**
 * Converts tokens to micro-tokens, for values the program itself made.
 *
 * @throws RangeError for anything {@link parseTokens} refuses
 */
export function toMicro(tokens: number): number {
  const parsed = parseTokens(tokens)
  if (!parsed.ok) throw new RangeError(`amount ${parsed.error}`)
  return parsed.value
}

/**
 * Converts micro-tokens to tokens, for display. Negative amounts (debt) are allowed.
 *
 * @throws RangeError unless the amount is an integer of at most {@link MAX_MICRO} either side of 0
 */
export function toTokens(micro: number): number {
  if (!Number.isSafeInteger(micro)) throw new RangeError(`amount must be whole micro-tokens, got ${micro}`)
  return micro / MICRO_PER_TOKEN
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'undefined' ? 'nothing' : `a ${typeof value}`.replace('a object', 'an object')
}
