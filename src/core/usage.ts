import type { Totals } from './messages.ts'

/** What an account has used since it was opened. Tokens are micro-tokens. Never decreases but `presumed`. */
export interface Usage {
  /** Tokens the edges reported as spent. */
  spent: number
  /** Tokens granted to sessions that lapsed unheard; a late report moves them to `spent`. */
  presumed: number
  admitted: number
  refused: number
  unreachable: number
  shadowed: number
  bytesIn: number
  bytesOut: number
}

/** An account that has used nothing yet. */
export function noUsage(): Usage {
  return {
    spent: 0,
    presumed: 0,
    admitted: 0,
    refused: 0,
    unreachable: 0,
    shadowed: 0,
    bytesIn: 0,
    bytesOut: 0,
  }
}

/** Adds what another account has used. */
export function addUsage(usage: Usage, other: Usage): void {
  for (const key of Object.keys(usage) as (keyof Usage)[]) usage[key] += other[key]
}

/** The counters of {@link Totals} that go straight into the usage account. */
export const COUNTERS = ['admitted', 'refused', 'unreachable', 'shadowed', 'bytesIn', 'bytesOut'] as const

/** Running totals of nothing. */
export const NO_TOTALS: Totals = {
  used: 0,
  guaranteed: 0,
  demand: 0,
  admitted: 0,
  refused: 0,
  unreachable: 0,
  shadowed: 0,
  bytesIn: 0,
  bytesOut: 0,
}

/** The larger of the two in every field. */
export function larger(a: Totals, b: Totals): Totals {
  const totals = { ...a } as Record<keyof Totals, number>
  for (const counter of Object.keys(a) as (keyof Totals)[]) {
    totals[counter] = Math.max(a[counter], b[counter])
  }
  return totals
}

/** Books what `now` says beyond `before`, and returns the larger of the two in every field. */
export function bookTotals(usage: Usage, before: Totals, now: Totals): Totals {
  const largest = larger(before, now)
  for (const counter of COUNTERS) usage[counter] += largest[counter] - before[counter]
  usage.spent += largest.used - before.used
  return largest
}
