/** What the operator sets for an account. Amounts are integer micro-tokens per round. */
export interface AccountSettings {
  /** Guaranteed tokens per round, ≥ 0. */
  readonly baseTokens: number
  /** Share among borrowers of one priority, ≥ 0. Default: the base. */
  readonly weight?: number
  /** 0…7, 0 first. Orders who gets idle tokens, never who gets base tokens. Default 4. */
  readonly priority?: number
  /** Most tokens in a round's time, borrowed ones included, ≥ base. Default: none. */
  readonly ceilingTokens?: number
  /** Share of the base that others may use while it is idle, 0…1. Default 1. */
  readonly lendable?: number
  /** Whether it may borrow at all. Default true. */
  readonly borrows?: boolean
}

/** The priority of an account that names none. */
export const DEFAULT_PRIORITY = 4

/**
 * One holder of tokens: the node (the root), a tenant network below it, or a device below a tenant. The
 * same rule works on every level, so they have one shape. Fields are written by the ledger only; all
 * amounts are integer micro-tokens.
 */
export class Account {
  readonly name: string
  readonly parent: Account | undefined
  readonly children: Account[] = []

  baseTokens = 0
  weight = 0
  priority = DEFAULT_PRIORITY
  ceilingTokens = Number.POSITIVE_INFINITY
  reserved = 0
  borrows = true

  /** Base less debt at the start of the round, less spends. Below 0: negative tokens. */
  balanceTokens = 0
  /** The account's own debt, carried over until repaid. */
  owedTokens = 0
  /** Asked for this round. */
  wantedTokens = 0
  /** Spent this round: granted and charged, less refunded. */
  grantedTokens = 0
  /** Asked for and not given this round. */
  refused = false
  /** This round's fair allotment. */
  allottedTokens = 0
  /** Remainder below one cost that goes from one round into the next, as in deficit round robin. */
  carryTokens = 0
  /** What last round's demand says of this one. */
  demandTokens = 0

  /** Whether it asked for anything this round, and Σ of the weights of the children that did. */
  active = false
  activeWeight = 0
  /** The children's demand is unknown: the round began after a pause (or with the node). */
  unmeasured = false

  /** How full the ceiling's bucket is, and when that was computed. */
  levelTokens = 0
  levelAtMs = 0

  /** Σ over children of what others must leave to them, before and after the round is due. */
  heldTokens = 0
  heldDueTokens = 0
  /** This account's part in its parent's two sums. */
  holdTokens = 0
  holdDueTokens = 0

  /** Spent since the account was opened, and how much of it was borrowed. Never reset. */
  spentTotal = 0
  borrowedTotal = 0

  constructor(name: string, parent: Account | undefined) {
    this.name = name
    this.parent = parent
  }

  /** Applies settings; the ledger has checked them against the parent. */
  configure(settings: AccountSettings): void {
    this.baseTokens = settings.baseTokens
    this.weight = settings.weight ?? settings.baseTokens
    this.priority = settings.priority ?? DEFAULT_PRIORITY
    this.ceilingTokens = settings.ceilingTokens ?? Number.POSITIVE_INFINITY
    this.reserved = 1 - (settings.lendable ?? 1)
    this.borrows = settings.borrows ?? true
  }

  /** Tokens of its own that it may spend now. */
  get ownTokens(): number {
    return Math.max(this.balanceTokens, 0)
  }

  /** Σ of the children's bases. */
  childrenBaseTokens(): number {
    let sum = 0
    for (const child of this.children) sum += child.baseTokens
    return sum
  }

  /** Starts the account's first round with a debt from before a restart or a move. */
  restoreDebt(owedTokens: number): void {
    this.balanceTokens = this.baseTokens - owedTokens
    this.owedTokens = Math.max(0, -this.balanceTokens)
    this.updateHold()
  }

  /** Brings this account's part in its parent's sums up to date. O(1). */
  updateHold(): void {
    const parent = this.parent
    if (parent === undefined) return
    const balance = this.ownTokens
    // What a device does not lend to its siblings is not lent to other tenants either.
    let due = this.reserved === 0 ? 0 : Math.floor(this.reserved * balance)
    if (this.heldDueTokens > due) due = Math.min(this.heldDueTokens, balance)
    const claim = this.allottedTokens - this.grantedTokens
    const hold = Math.max(claim, due)
    parent.heldTokens += hold - this.holdTokens
    parent.heldDueTokens += due - this.holdDueTokens
    this.holdTokens = hold
    this.holdDueTokens = due
  }

  /** Takes this account's part out of its parent's sums, for an account that is closed. */
  dropHold(): void {
    const parent = this.parent
    if (parent === undefined) return
    parent.heldTokens -= this.holdTokens
    parent.heldDueTokens -= this.holdDueTokens
    this.holdTokens = 0
    this.holdDueTokens = 0
  }

  /** Lets the ceiling's bucket leak up to `nowMs` (GCRA as a leaky bucket, integer arithmetic). */
  leak(nowMs: number, roundMs: number): void {
    const elapsedMs = nowMs - this.levelAtMs
    if (elapsedMs <= 0) return
    this.levelAtMs = nowMs
    this.levelTokens = Math.max(0, this.levelTokens - Math.floor((elapsedMs * this.ceilingTokens) / roundMs))
  }

  /** The ceiling's burst: half a round of it, and never less than the base, which is guaranteed. */
  burstTokens(): number {
    return Math.max(Math.floor(this.ceilingTokens / 2), this.baseTokens)
  }
}
