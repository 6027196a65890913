import type { Account } from './account.ts'

/**
 * Most tokens the ceiling lets through at once: half a round of it, and never less than the base, which is
 * guaranteed.
 */
function burstTokens(account: Account): number {
  return Math.max(Math.floor(account.ceilingTokens / 2), account.baseTokens)
}

/** Lets the bucket of a ceiling leak up to now. Levels are tokens × milliseconds of a round: exact integers. */
function leak(account: Account, nowMs: number): void {
  const elapsedMs = nowMs - account.levelAtMs
  if (elapsedMs <= 0) return
  account.levelAtMs = nowMs
  account.levelTokenMs = Math.max(0, account.levelTokenMs - elapsedMs * account.ceilingTokens)
}

/** Counts a booked amount against the account's ceiling. */
export function fillCeiling(account: Account, amount: number, nowMs: number, roundMs: number): void {
  leak(account, nowMs)
  account.levelTokenMs += amount * roundMs
}

/**
 * What the ceiling of one account leaves for a cost of `cost`, micro-tokens: GCRA kept as a leaky bucket. A
 * cost above the burst fits into an empty bucket.
 */
function room(account: Account, cost: number, nowMs: number, roundMs: number): number {
  leak(account, nowMs)
  return Math.max(burstTokens(account), cost) - account.levelTokenMs / roundMs
}

/**
 * Whether no ceiling on the way stops a spend. What a device has of its own only its own ceiling stops: the
 * tenant's must not let one device use up what another one is guaranteed.
 */
export function fitsCeilings(account: Account, cost: number, nowMs: number, roundMs: number): boolean {
  const own = account.ownTokens >= cost
  for (let a = account; a.parent !== undefined; a = a.parent) {
    if (a.ceilingTokens === Number.POSITIVE_INFINITY) continue
    const fits = room(a, cost, nowMs, roundMs) >= cost
    if (!fits && (a === account || !own)) return false
  }
  return true
}

/** How much of `amount` the ceilings on the way let through; if they leave less than `first`, none. */
export function capAtCeilings(
  account: Account,
  amount: number,
  first: number,
  nowMs: number,
  roundMs: number,
): number {
  let capped = amount
  const own = Math.min(account.ownTokens, amount)
  for (let a = account; a.parent !== undefined; a = a.parent) {
    if (a.ceilingTokens === Number.POSITIVE_INFINITY) continue
    const left = Math.floor(room(a, first, nowMs, roundMs))
    capped = Math.min(capped, Math.max(left, a === account ? 0 : own))
  }
  return capped < amount && capped < first ? 0 : capped
}

/** How long until the ceilings on the way have room for `cost`, milliseconds. */
export function ceilingWaitMs(account: Account, cost: number, roundMs: number): number {
  let waitMs = 0
  for (let a = account; a.parent !== undefined; a = a.parent) {
    if (a.ceilingTokens === Number.POSITIVE_INFINITY) continue
    const overTokenMs = a.levelTokenMs + (cost - Math.max(burstTokens(a), cost)) * roundMs
    if (overTokenMs > 0) waitMs = Math.max(waitMs, Math.ceil(overTokenMs / a.ceilingTokens))
  }
  return waitMs
}
