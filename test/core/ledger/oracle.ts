import type { Account } from '../../../src/core/account.ts'

/** What others must leave to `account`, from the rule itself: its claim, and what it does not lend of the rest. */
export function holdOf(account: Account, due: boolean): number {
  const own = Math.max(0, account.balanceTokens)
  const claim = Math.max(0, account.allottedTokens - account.grantedTokens)
  let devicesKeep = 0
  for (const device of account.children) devicesKeep += holdOf(device, true)
  const kept = Math.max(Math.floor(account.reserved * own), devicesKeep)
  if (due) return kept
  return Math.max(kept, claim + Math.floor(account.reserved * Math.max(0, own - claim)))
}

/** Idle tokens `account` may take beyond its own, looking at every sibling. `asking`: it has just asked. */
export function freeOf(account: Account, due: boolean, asking = true): number {
  const parent = account.parent
  if (parent === undefined || !account.borrows) return 0
  const own = Math.max(0, account.balanceTokens)
  let free = parent.parent === undefined ? parent.balanceTokens : Math.max(0, parent.balanceTokens)
  if (parent.parent !== undefined) {
    free += freeOf(parent, due, asking)
    // A ceiling lets so much through in a round; devices share it as they share tokens.
    const most = Math.max(parent.ceilingTokens, parent.allottedTokens)
    if (!due) free = Math.min(free, most - parent.grantedTokens)
  }
  free -= own
  let weights = 0
  for (const other of parent.children) {
    if (other === account) {
      if (asking || other.active) weights += other.weight
    } else {
      free -= holdOf(other, due)
      if (other.active) weights += other.weight
    }
  }
  if (parent.unmeasured && !due && weights > 0) {
    const share = Math.floor((parent.baseTokens * account.weight) / weights)
    free = Math.min(free, share - account.grantedTokens - own)
  }
  return Math.max(0, free)
}

/** An account and what it is part of, without the node itself. */
export function pathOf(account: Account): Account[] {
  const path: Account[] = []
  for (let a = account; a.parent !== undefined; a = a.parent) path.push(a)
  return path
}

export function allAccounts(root: Account): Account[] {
  return root.children.flatMap((tenant) => [tenant, ...tenant.children])
}

export function leavesOf(root: Account): Account[] {
  return root.children.flatMap((tenant) => (tenant.children.length === 0 ? [tenant] : tenant.children))
}

/** The ceiling of one account, kept in exact fractions of time. */
export class Bucket {
  #level = 0
  #atMs: number

  constructor(nowMs: number) {
    this.#atMs = nowMs
  }

  /** How full it is, in micro-tokens. */
  level(account: Account, nowMs: number, roundMs: number): number {
    const leaked = ((nowMs - this.#atMs) * account.ceilingTokens) / roundMs
    this.#level = account.ceilingTokens === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#level - leaked)
    this.#atMs = nowMs
    return this.#level
  }

  add(amount: number, account: Account, nowMs: number, roundMs: number): void {
    this.#level = this.level(account, nowMs, roundMs) + amount
  }

  /** Begins anew at what the account says: its ceiling was changed. */
  reset(account: Account, nowMs: number, roundMs: number): void {
    this.#level = account.levelTokenMs / roundMs
    this.#atMs = nowMs
  }
}

/** The most a bucket may hold after a grant of `cost`: half a round, never less than the base. */
export function burstOf(account: Account): number {
  return Math.max(Math.floor(account.ceilingTokens / 2), account.baseTokens)
}
