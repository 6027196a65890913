import { type AccountSettings, DEFAULT_PRIORITY } from './settings.ts'

export { type AccountSettings, DEFAULT_PRIORITY } from './settings.ts'

/**
 * One holder of tokens: the node (the root), a tenant network below it, or a device below a tenant. The
 * same rule works on every level, so they have one shape. Fields are written by the ledger only; all
 * amounts are integer micro-tokens.
 */
export class Account {
  // What every spend touches comes first, so that it lies together in memory: 100 000 accounts fit no cache.

  readonly parent: Account | undefined
  /** Base less debt at the start of the round, less spends. Below 0: negative tokens. */
  balanceTokens = 0
  /** Spent this round: granted and charged, less refunded. */
  grantedTokens = 0
  /** Asked for this round, and the largest single cost in it. */
  wantedTokens = 0
  largestCost = 0
  /** Whether it asked for anything this round. */
  active = false
  ceilingTokens = Number.POSITIVE_INFINITY
  /** What it does not lend, 0…1. */
  reserved = 0
  /** This round's fair allotment. */
  allottedTokens = 0
  /** This account's part in its parent's two sums of what others must leave to it. */
  holdTokens = 0
  holdDueTokens = 0
  /** Those sums over its own children, before and after the round is due. */
  heldTokens = 0
  heldDueTokens = 0
  /** Spent since the account was opened, and how much of it was borrowed. Never reset. */
  spentTotal = 0
  borrowedTotal = 0

  readonly name: string
  readonly children: Account[] = []
  baseTokens = 0
  weight = 0
  priority = DEFAULT_PRIORITY
  borrows = true
  /** The account's own debt, carried over until repaid. */
  owedTokens = 0
  /** Asked for and not given this round. */
  refused = false
  /** How full the ceiling's bucket is, in micro-tokens × milliseconds of a round, and when that was. */
  levelTokenMs = 0
  levelAtMs = 0
  /** Remainder below one cost that goes from one round into the next, as in deficit round robin. */
  carryTokens = 0
  /** What last round's demand says of this one, and what of it nobody can take from the account. */
  demandTokens = 0
  entitledTokens = 0
  /** Demand as it was measured last (undefined: not yet, or before a pause), and how much it varies. */
  measuredTokens: number | undefined = undefined
  variationTokens = 0
  /** Σ of the weights of the children that asked for anything this round. */
  activeWeight = 0
  /** The children's demand is unknown: the round began after a pause (or with the node). */
  unmeasured = false
  /** Σ of the children's bases, kept up to date by {@link configure} and when a child is closed. */
  basesBelowTokens = 0
  /** Base tokens spent this round by children whose base has since been lowered or that were closed. */
  vacatedTokens = 0

  constructor(name: string, parent: Account | undefined) {
    this.name = name
    this.parent = parent
  }

  /** Applies settings; the ledger has checked them against the parent. */
  configure(settings: AccountSettings): void {
    const weight = settings.weight ?? settings.baseTokens
    if (this.active) this.parent!.activeWeight += weight - this.weight
    if (this.parent !== undefined) this.parent.basesBelowTokens += settings.baseTokens - this.baseTokens
    this.baseTokens = settings.baseTokens
    this.weight = weight
    this.priority = settings.priority ?? DEFAULT_PRIORITY
    this.ceilingTokens = settings.ceilingTokens ?? Number.POSITIVE_INFINITY
    this.reserved = 1 - (settings.lendable ?? 1)
    this.borrows = settings.borrows ?? true
  }

  /** Tokens of its own that it may spend now. */
  get ownTokens(): number {
    return Math.max(this.balanceTokens, 0)
  }

  /** Of its own tokens, what it has spent this round. */
  get ownSpentTokens(): number {
    return Math.max(0, this.balanceTokens + this.grantedTokens) - this.ownTokens
  }

  /** Σ of the children's bases. */
  childrenBaseTokens(): number {
    return this.basesBelowTokens
  }

  /** Takes over a debt from before a restart or a move, in the round in which it was opened. */
  restoreDebt(owedTokens: number): void {
    this.balanceTokens -= owedTokens
    this.owedTokens = Math.max(0, -this.balanceTokens)
    this.updateHold()
    // What a device that owes can no longer keep back, its tenant no longer keeps back for it.
    this.parent?.updateHold()
  }

  /** Brings this account's part in its parent's sums up to date. O(1). */
  updateHold(): void {
    const parent = this.parent
    if (parent === undefined) return
    const own = this.ownTokens
    const claim = Math.max(this.allottedTokens - this.grantedTokens, 0)
    let due = 0
    let hold = claim
    if (this.reserved > 0) {
      due = Math.floor(this.reserved * own)
      if (own > claim) hold += Math.floor(this.reserved * (own - claim))
    }
    // What a device does not lend to its siblings is not lent to other tenants either, even if a sibling's
    // spends, covered by the node, have used the tenant's own balance up.
    if (this.heldDueTokens > due) due = this.heldDueTokens
    if (due > hold) hold = due
    parent.heldTokens += hold - this.holdTokens
    parent.heldDueTokens += due - this.holdDueTokens
    this.holdTokens = hold
    this.holdDueTokens = due
  }
}
