import type { Account } from './account.ts'
import {
  type AccountRows,
  ALLOTTED,
  GRANTED,
  HELD,
  HOLD,
  PARENT,
  PLAIN,
  ROOT,
  START,
} from './account-rows.ts'
import { fillCeiling } from './ceiling.ts'

/**
 * What `account` can have now, its own tokens included; the root (the node) has its pool. Under a ceiling the
 * devices share what it lets through in a round, not only whoever comes first.
 */
function available(account: Account, due: boolean): number {
  if (account.parent === undefined) return account.balanceTokens
  const all = account.ownTokens + freeFor(account, due)
  if (due || account.ceilingTokens === Number.POSITIVE_INFINITY) return all
  return Math.min(all, Math.max(account.ceilingTokens, account.allottedTokens) - account.grantedTokens)
}

/**
 * Idle tokens `account` may borrow beyond its own: what its parent can have now, less its own, less what
 * must be left to the others. Claims lapse once the round is due.
 */
export function freeFor(account: Account, due: boolean): number {
  if (!account.borrows) return 0
  const parent = account.parent!
  const held = due ? parent.heldDueTokens - account.holdDueTokens : parent.heldTokens - account.holdTokens
  let free = available(parent, due) - account.ownTokens - held
  if (parent.unmeasured && !due) free = Math.min(free, firstRoundShare(account, parent) - account.ownTokens)
  return free > 0 ? free : 0
}

/**
 * While nobody's demand is known there are no claims, and whoever comes first could take all that is idle.
 * Until it is, an account has at most its weighted share among those that have asked so far; one that asks
 * alone may have everything.
 */
function firstRoundShare(account: Account, parent: Account): number {
  if (parent.activeWeight === 0) return Number.POSITIVE_INFINITY
  return Math.floor((parent.baseTokens * account.weight) / parent.activeWeight) - account.grantedTokens
}

/**
 * Books a spend on device, tenant and node: bottom-up, so that each level asks what is free while the
 * level above is still untouched. What neither its own nor free tokens cover becomes the account's debt.
 */
export function book(account: Account, amount: number, due: boolean, nowMs: number, roundMs: number): void {
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) {
    const rest = amount - a.ownTokens
    if (rest > 0 && a.parent !== undefined) {
      const covered = Math.min(rest, freeFor(a, due))
      a.owedTokens += rest - covered
      a.borrowedTotal += covered
    }
    a.grant(amount)
    if (a.ceilingTokens !== Number.POSITIVE_INFINITY) fillCeiling(a, amount, nowMs, roundMs)
    a.updateHold()
  }
}

/**
 * Spends `cost` from an account's own tokens as `want` and `book` would, in the few steps that are left where
 * neither the account nor its tenant has anything else to look at: at each level the cost is plain
 * (`Account.updateHold`) and covered.
 *
 * @param row where the account's numbers begin.
 * @returns false when that is not so, or there is no such row; nothing was changed.
 */
export function spendPlain({ numbers }: AccountRows, row: number, cost: number): boolean {
  if (cost === 0) return false
  let at = row
  do {
    if (!(numbers[at + PLAIN]! >= cost && numbers[at + START]! - numbers[at + GRANTED]! >= cost)) return false
    at = numbers[at + PARENT]!
  } while (at !== ROOT)
  at = row
  do {
    const parent = numbers[at + PARENT]!
    const granted = numbers[at + GRANTED]! + cost
    const hold = Math.max(numbers[at + ALLOTTED]! - granted, 0)
    numbers[parent + HELD]! += hold - numbers[at + HOLD]!
    numbers[at + GRANTED] = granted
    numbers[at + HOLD] = hold
    at = parent
  } while (at !== ROOT)
  numbers[ROOT + GRANTED]! += cost
  return true
}

/**
 * Takes `tokens` of a spend of this round back, on every level, own debt first.
 *
 * @returns how much could be taken back: never more than was spent, and so never beyond the base.
 */
export function unbook(account: Account, tokens: number): number {
  let back = tokens
  for (let a = account; a.parent !== undefined; a = a.parent) back = Math.min(back, a.grantedTokens)
  if (back <= 0) return 0
  let a = account
  for (; a.parent !== undefined; a = a.parent) {
    a.owedTokens = Math.max(0, -a.startTokens, a.owedTokens - back)
    a.grant(-back)
    a.updateHold()
  }
  a.grant(-back)
  return back
}

/** Counts demand on every level, made of single costs of at most `cost`; 0 tells only that somebody is there. */
export function want(account: Account, tokens: number, cost: number): void {
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) {
    a.unmetTokens += tokens
    if (cost > a.largestCost) a.largestCost = cost
    if (a.active || a.parent === undefined) continue
    a.active = true
    a.parent.activeWeight += a.weight
  }
}

/**
 * Counts what waits for tokens: its demand was counted when it came, perhaps rounds ago, so this round it wants
 * at least what it has had and what waits still. Otherwise who waits patiently would seem to want nothing.
 */
export function wait(account: Account, waiting: number, cost: number): void {
  want(account, 0, cost)
  if (waiting > account.unmetTokens) account.unmetTokens = waiting
}

/** Notes on every level that somebody was refused this round. */
export function markRefused(account: Account): void {
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) a.refused = true
}
