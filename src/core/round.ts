import type { Account } from './account.ts'
import { fairShare } from './fair-share.ts'

/** How a round ended, as far as the next one depends on it. */
export interface RoundEnd {
  /** Time since the round began, ≥ T. */
  readonly elapsedMs: number
  readonly roundMs: number
  /** Nobody spent anything for a whole round: what was wanted before says nothing any more. */
  readonly paused: boolean
}

/**
 * Starts every account's round anew: r = base − debt, demand from what was wanted, remainders carried.
 * The node's own pool becomes Q plus what is left of it: a deficit whole, a surplus up to a quarter of Q.
 */
export function renewRound(root: Account, end: RoundEnd): void {
  const crowded = root.refused
  const left = root.balanceTokens
  const kept = root.heldDueTokens // tokens nobody lent expire with their round
  let carry = 0
  for (const account of root.children) carry += renew(account, end, crowded)
  // What was left over while somebody was refused is worth sharing; what a pause left is no claim on this round.
  const surplus = end.paused ? 0 : Math.min(Math.max(0, left - kept), Math.floor(root.baseTokens / 4))
  root.balanceTokens = root.baseTokens + (left < 0 ? left : surplus)
  root.wantedTokens = 0
  root.largestCost = 0
  root.vacatedTokens = 0
  root.grantedTokens = 0
  root.refused = false
  root.activeWeight = 0
  root.unmeasured = end.paused
  const carried = Math.min(carry, Math.max(0, root.balanceTokens - root.baseTokens))
  allot(root, root.balanceTokens - carried)
}

/** Starts an account's round. @returns the remainder it carries over, if positive. */
function renew(account: Account, end: RoundEnd, crowded: boolean): number {
  let demand = 0
  if (account.children.length === 0 && !end.paused) {
    demand = (account.wantedTokens * end.roundMs) / end.elapsedMs
    // Head-room, so that floods do not take what a tenant of varying demand will ask for.
    if (crowded && !account.refused) demand *= 5 / 4
  }
  for (const device of account.children) {
    renew(device, end, crowded)
    demand += usableDemand(device)
  }
  const carry = account.refused ? remainder(account) : 0
  const start = account.baseTokens - account.owedTokens
  account.balanceTokens = start
  account.owedTokens = Math.max(0, -start)
  account.demandTokens = Math.floor(demand)
  account.carryTokens = carry
  account.wantedTokens = 0
  account.largestCost = 0
  account.vacatedTokens = 0
  account.grantedTokens = 0
  account.refused = false
  account.active = false
  account.activeWeight = 0
  return Math.max(0, carry)
}

/** What a device asks its tenant for: not what its ceiling, or that it may not borrow, keeps from it anyway. */
function usableDemand(device: Account): number {
  const most = device.borrows ? device.ceilingTokens : Math.min(device.ceilingTokens, device.ownTokens)
  return Math.min(device.demandTokens, most)
}

/**
 * What a refused account was allotted and not granted, or the other way round, as far as one cost of its own
 * can explain it. Larger remainders are forgotten: they would be a memory of debts and starve others.
 */
function remainder(account: Account): number {
  const most = account.largestCost
  return Math.max(-most, Math.min(most, account.allottedTokens - account.grantedTokens))
}

/** Gives every child of `group` its allotment out of `total`, and the devices below it theirs. */
function allot(group: Account, total: number): void {
  const shares = fairShare(total, group.children)
  for (let i = 0; i < shares.length; i++) {
    const account = group.children[i]!
    // A remainder never eats into what the account's own base gives it.
    const own = Math.min(account.demandTokens, account.ownTokens)
    account.allottedTokens = Math.max(own, shares[i]! + account.carryTokens)
    if (account.children.length > 0) allot(account, account.allottedTokens)
    account.updateHold()
  }
}
