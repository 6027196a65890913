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
const COUNTERS = ['admitted', 'refused', 'unreachable', 'shadowed', 'bytesIn', 'bytesOut'] as const

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

/** Books what `now` says beyond `before`, and returns the larger of the two in every field. */
export function bookTotals(usage: Usage, before: Totals, now: Totals): Totals {
  const largest = { ...before } as Record<keyof Totals, number>
  for (const counter of COUNTERS) {
    if (now[counter] <= before[counter]) continue
    usage[counter] += now[counter] - before[counter]
    largest[counter] = now[counter]
  }
  if (now.used > before.used) {
    usage.spent += now.used - before.used
    largest.used = now.used
  }
  largest.guaranteed = Math.max(before.guaranteed, now.guaranteed)
  largest.demand = Math.max(before.demand, now.demand)
  return largest
}
