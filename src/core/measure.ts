import type { AccountState } from './control.ts'

/** Running totals of a tenant at a moment, all its devices together. Tokens, counts, ms. */
export interface UsageSample {
  readonly spent: number
  readonly admitted: number
  readonly refused: number
  readonly atMs: number
}

/** What a tenant wanted and what it got, tokens/s. */
export interface TenantRate {
  readonly demand: number
  readonly spent: number
}

/** The totals of every tenant of a node's answer. */
export function samplesOf(accounts: readonly AccountState[], atMs: number): Map<string, UsageSample> {
  const samples = new Map<string, UsageSample>()
  for (const { tenant, usage } of accounts) {
    const sum = samples.get(tenant) ?? { spent: 0, admitted: 0, refused: 0, atMs }
    samples.set(tenant, {
      spent: sum.spent + usage.spent + usage.presumed,
      admitted: sum.admitted + usage.admitted,
      refused: sum.refused + usage.refused,
      atMs,
    })
  }
  return samples
}

/**
 * The rates between two samples. What was refused is counted at the mean cost of what was admitted, or at one
 * token when nothing was. Totals that went down (presumed tokens that came back) count as nothing spent.
 *
 * @returns undefined when no time has passed
 */
export function rateBetween(before: UsageSample, after: UsageSample): TenantRate | undefined {
  const seconds = (after.atMs - before.atMs) / 1_000
  if (seconds <= 0) return undefined
  const spent = Math.max(0, after.spent - before.spent)
  const admitted = Math.max(0, after.admitted - before.admitted)
  const refused = Math.max(0, after.refused - before.refused)
  const cost = admitted > 0 ? spent / admitted : 1
  return { spent: spent / seconds, demand: (spent + refused * cost) / seconds }
}
