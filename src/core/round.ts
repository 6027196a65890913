import type { Account } from './account.ts'
import { fairShare } from './fair-share.ts'

/** How a round ended, as far as the next one depends on it. */
export interface RoundEnd {
  /** Time since the round began, ≥ T. */
  readonly elapsedMs: number
  readonly roundMs: number
  /** It was the first after a restart and nothing was spent: the bases opened with it are all there still. */
  readonly untouched: boolean
  /** Nobody asked for a whole round: what was wanted before says nothing any more. */
  readonly paused: boolean
}

/** The same, as seen by the accounts. */
interface Ending extends RoundEnd {
  /** Somebody was refused. */
  readonly crowded: boolean
  /** What the node hands on from this round to the next. */
  readonly surplusTokens: number
}

/**
 * Starts every account's round anew: r = base − debt, demand from what was wanted, remainders carried.
 * The node's own pool becomes Q plus what is left of it: a deficit as far as no silent rounds have paid it, a
 * surplus up to a quarter of Q.
 */
export function renewRound(root: Account, end: RoundEnd): void {
  const left = root.balanceTokens
  // Tokens nobody lent expire with their round, and what a pause left is no claim on the next one.
  const spare = end.paused ? 0 : Math.max(0, left - root.heldDueTokens)
  const surplusTokens = Math.min(spare, Math.floor(root.baseTokens / 4))
  const ending = { ...end, crowded: root.refused, surplusTokens }
  for (const account of root.children) renew(account, ending)
  const deficit = Math.min(0, left + silentRounds(end) * root.baseTokens)
  root.startRound(root.baseTokens + (left < 0 ? deficit : surplusTokens))
  root.unmeasured = end.paused
  allot(root, root.balanceTokens, surplusTokens)
}

/**
 * Whole rounds in which nothing was spent; each pays up to Q of a deficit. With a deficit the first call after a
 * round is due renews it, so all time beyond that was silent. The round itself was handed out in advance, unless
 * it was one that a restart presumed spent and nobody touched.
 */
function silentRounds(end: RoundEnd): number {
  return Math.floor(end.elapsedMs / end.roundMs) - (end.untouched ? 0 : 1)
}

/** Starts an account's round. */
function renew(account: Account, end: Ending): void {
  const start = account.baseTokens - account.owedTokens
  let demand = 0
  if (account.children.length === 0) {
    if (end.paused) account.measuredTokens = undefined
    else {
      demand = (account.wantedTokens * end.roundMs) / end.elapsedMs
      noteVariation(account, demand)
      if (end.crowded && !account.refused && account.parent!.borrows)
        demand += headRoom(account, demand, start)
    }
  }
  let entitled = 0
  for (const device of account.children) {
    renew(device, end)
    demand += demandAbove(device)
    entitled += device.entitledTokens
  }
  const carry = account.refused ? remainder(account, Math.floor(demand), end.surplusTokens) : 0
  account.startRound(start)
  account.active = false
  account.owedTokens = Math.max(0, -start)
  account.demandTokens = Math.floor(demand)
  // A tenant that owes gets no less than what its devices have of their own.
  account.entitledTokens = Math.max(entitled, Math.min(account.demandTokens, account.ownTokens))
  account.carryTokens = carry
}

/**
 * By how much an account's demand varies from round to round, beyond what its largest cost explains: the largest
 * change of late, forgotten by halves.
 */
function noteVariation(account: Account, demand: number): void {
  const before = account.measuredTokens
  const change = before === undefined ? 0 : Math.max(0, Math.abs(demand - before) - 2 * account.largestCost)
  account.variationTokens = Math.max(change, account.variationTokens / 2)
  account.measuredTokens = demand
}

/**
 * As much more than was asked for as the demand varies, at most a quarter, so that floods do not take what a tenant
 * of varying demand will ask for; but only beyond its own tokens, which nobody can take from it, and not where what
 * is left of it would be lost for the siblings.
 */
function headRoom(account: Account, demand: number, own: number): number {
  const most = Math.min(demand / 4, account.variationTokens)
  return Math.max(0, demand + most - Math.max(demand, own))
}

/**
 * What a device asks its tenant for: not what its ceiling, or that it may not borrow, keeps from it anyway,
 * but also what it leaves idle and does not lend.
 */
function demandAbove(device: Account): number {
  const own = device.ownTokens
  const most = device.borrows ? device.ceilingTokens : Math.min(device.ceilingTokens, own)
  const usable = Math.min(device.demandTokens, most)
  return usable + (own > usable ? Math.floor(device.reserved * (own - usable)) : 0)
}

/**
 * What a refused account was allotted and not granted, or the other way round, as far as one cost of its own
 * can explain it. Larger remainders are forgotten: they would be a memory of debts and starve others. But of
 * what the node hands on, a tenant keeps what one of its devices left while another was refused, up to a quarter.
 */
function remainder(account: Account, demand: number, surplusTokens: number): number {
  if (!account.borrows) return 0
  const most = account.largestCost
  const allotted = account.allottedTokens
  const unserved = allotted - account.grantedTokens
  const own = Math.max(-most, Math.min(most, unserved))
  if (account.children.length === 0) return own
  const unmet = demand - allotted
  return Math.max(
    own,
    Math.min(unserved - account.heldDueTokens, unmet, surplusTokens, Math.floor(allotted / 4)),
  )
}

/**
 * Gives every child of `group` its allotment out of `total`, and the devices below it theirs. Remainders are
 * paid from the surplus the group was handed from its last round: claims never add up to more than there is.
 */
function allot(group: Account, total: number, surplusTokens: number): void {
  let remainders = 0
  for (const account of group.children) remainders += Math.max(0, account.carryTokens)
  const paid = Math.min(remainders, surplusTokens)
  const shares = fairShare(total - paid, group.children)
  for (let i = 0; i < shares.length; i++) {
    const account = group.children[i]!
    const carry = account.carryTokens
    const carried = carry > 0 ? Math.floor((carry * paid) / remainders) : carry
    // A remainder never eats into what the account's own base gives it.
    account.allottedTokens = Math.max(account.entitledTokens, shares[i]! + carried)
    if (account.children.length > 0) allot(account, account.allottedTokens, Math.max(0, carried))
    account.updateHold()
  }
}
