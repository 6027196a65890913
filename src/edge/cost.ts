import { MICRO_PER_TOKEN, parseTokens, toMicro } from '../core/amount.ts'
import type { Route } from '../core/control.ts'
import type { RequestTarget } from '../core/request-path.ts'
import { under } from './identify.ts'

/** Most tokens one answer may be said to cost; more is taken for a mistake and charged as so much. */
export const MAX_ANSWER_TOKENS = 1_000_000

interface Rule {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly micro: number
}

/** A tenant's prices, worked out once. Micro-tokens. */
export interface Prices {
  readonly perRequest: number
  readonly perKiBIn: number
  readonly perKiBOut: number
  /** The response header in which the origin tells the true cost. */
  readonly header: string
  /** The most specific first: the longer path, then a named method before none. */
  readonly rules: readonly Rule[]
}

/** Works out a tenant's prices. */
export function pricesOf({
  perRequest,
  perKiBIn,
  perKiBOut,
  header,
  rules,
}: Route['policy']['cost']): Prices {
  const length = (path: string | undefined) => path?.length ?? 0
  const named = (method: string | undefined) => (method === undefined ? 0 : 1)
  const sorted = [...rules].sort(
    (a, b) => length(b.path) - length(a.path) || named(b.method) - named(a.method),
  )
  return {
    perRequest: toMicro(perRequest),
    perKiBIn: toMicro(perKiBIn),
    perKiBOut: toMicro(perKiBOut),
    header,
    rules: sorted.map(({ method, path, tokens }) => ({ method, path, micro: toMicro(tokens) })),
  }
}

/** What a request costs before anything is known of its bytes and its answer. */
export function requestCost(prices: Prices, request: Request, target: RequestTarget): number {
  for (const rule of prices.rules) {
    if (rule.method !== undefined && rule.method !== request.method) continue
    if (rule.path === undefined || under(target.guard, rule.path)) return rule.micro
  }
  return prices.perRequest
}

/** The true cost an origin tells; undefined when it tells none that can be read. */
export function parseCost(text: string | null): number | undefined {
  if (text === null || !/^\d{1,15}(?:\.\d{1,6})?$/.test(text)) return undefined
  const tokens = Number(text)
  if (tokens > MAX_ANSWER_TOKENS) return MAX_ANSWER_TOKENS * MICRO_PER_TOKEN
  const parsed = parseTokens(tokens)
  return parsed.ok ? parsed.value : undefined
}

/** What is to be reserved next, after an answer cost `cost`: the largest of late, forgotten slowly. */
export function expectCost(expected: number, cost: number): number {
  return cost >= expected ? cost : expected - Math.ceil((expected - cost) / 256)
}

/** Prices bytes that pass in pieces: what all pieces cost is what their sum costs, to the micro-token. */
export class ByteTally {
  readonly #perKiB: number
  #rest = 0

  constructor(perKiB: number) {
    this.#perKiB = perKiB
  }

  /** The cost of the next `bytes`, micro-tokens. */
  cost(bytes: number): number {
    const due = bytes * this.#perKiB + this.#rest
    const cost = Math.min(Math.floor(due / 1024), MAX_ANSWER_TOKENS * MICRO_PER_TOKEN)
    this.#rest = due % 1024
    return cost
  }
}
