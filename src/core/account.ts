import { AccountRows, ALLOTTED, GRANTED, HELD, HOLD, PLAIN, ROOT, START, STRIDE } from './account-rows.ts'
import { type AccountSettings, DEFAULT_PRIORITY } from './settings.ts'

export { type AccountSettings, DEFAULT_PRIORITY } from './settings.ts'

/**
 * One holder of tokens: the node (the root), a tenant network below it, or a device below a tenant. The
 * same rule works on every level, so they have one shape. Fields are written by the ledger only; all
 * amounts are integer micro-tokens.
 */
export class Account {
  readonly parent: Account | undefined
  /** Where the numbers are that most spends touch: in a row of the ledger, and from the close on in one alone. */
  rows: AccountRows
  row: number
  /** Asked for this round and not granted; below 0: granted beyond what was asked for. */
  unmetTokens = 0
  /** Whether it asked for anything this round. */
  active = false
  /** The largest single cost asked for this round; above 0 only if active. */
  largestCost = 0
  ceilingTokens = Number.POSITIVE_INFINITY
  /** What it does not lend, 0…1. */
  reserved = 0
  /** What of its hold remains once the round is due, and the sum of that over its own children. */
  holdDueTokens = 0
  heldDueTokens = 0
  /** Borrowed since the account was opened. Never reset. */
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
  childrenBaseTokens = 0
  /** Base tokens spent this round by children whose base has since been lowered or that were closed. */
  vacatedTokens = 0
  /** Spent in earlier rounds. */
  #spentBefore = 0

  constructor(name: string, parent: Account | undefined) {
    this.name = name
    this.parent = parent
    this.rows = parent?.rows ?? new AccountRows()
    this.row = parent === undefined ? ROOT : this.rows.take(this, parent)
  }

  /** Stands for the account in `Ledger.spend` until it is closed. From then on 0, and another one's to have. */
  get number(): number {
    return this.row / STRIDE
  }

  /** Base less debt at the start of the round. */
  get startTokens(): number {
    return this.rows.numbers[this.row + START]!
  }
  set startTokens(tokens: number) {
    this.rows.numbers[this.row + START] = tokens
  }

  /** Spent this round: granted and charged, less refunded. */
  get grantedTokens(): number {
    return this.rows.numbers[this.row + GRANTED]!
  }
  set grantedTokens(tokens: number) {
    this.rows.numbers[this.row + GRANTED] = tokens
  }

  /** This round's fair allotment. */
  get allottedTokens(): number {
    return this.rows.numbers[this.row + ALLOTTED]!
  }
  set allottedTokens(tokens: number) {
    this.rows.numbers[this.row + ALLOTTED] = tokens
  }

  /** This account's part in its parent's sum of what others must leave to it. */
  get holdTokens(): number {
    return this.rows.numbers[this.row + HOLD]!
  }
  set holdTokens(tokens: number) {
    this.rows.numbers[this.row + HOLD] = tokens
  }

  /** That sum over its own children. */
  get heldTokens(): number {
    return this.rows.numbers[this.row + HELD]!
  }
  set heldTokens(tokens: number) {
    this.rows.numbers[this.row + HELD] = tokens
  }

  /** What is left of this round's tokens. Below 0: negative tokens. */
  get balanceTokens(): number {
    return this.startTokens - this.grantedTokens
  }

  /** Asked for this round. */
  get wantedTokens(): number {
    return this.grantedTokens + this.unmetTokens
  }

  /** Spent since the account was opened. */
  get spentTotal(): number {
    return this.#spentBefore + this.grantedTokens
  }
  set spentTotal(tokens: number) {
    this.#spentBefore = tokens - this.grantedTokens
  }

  /** Applies settings; the ledger has checked them against the parent. */
  configure(settings: AccountSettings): void {
    const weight = settings.weight ?? settings.baseTokens
    if (this.active) this.parent!.activeWeight += weight - this.weight
    if (this.parent !== undefined) this.parent.childrenBaseTokens += settings.baseTokens - this.baseTokens
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
    return Math.max(0, this.startTokens) - this.ownTokens
  }

  /** Counts what is granted; below 0 what is given back. */
  grant(tokens: number): void {
    this.grantedTokens += tokens
    this.unmetTokens -= tokens
  }

  /** Begins a round with `tokens`: nothing was spent or asked for yet. */
  startRound(tokens: number): void {
    this.#spentBefore += this.grantedTokens
    this.startTokens = tokens
    this.grantedTokens = 0
    this.unmetTokens = 0
    this.largestCost = 0
    this.vacatedTokens = 0
    this.refused = false
    this.activeWeight = 0
  }

  /** Closed: it keeps its numbers, and its row is free for another account. So for the devices below it. */
  leaveRow(): void {
    this.rows = this.rows.release(this.row)
    this.row = ROOT
    for (const device of this.children) device.leaveRow()
  }

  /** Takes over a debt from before a restart or a move, in the round in which it was opened. */
  restoreDebt(owedTokens: number): void {
    this.startTokens -= owedTokens
    this.owedTokens = Math.max(0, -this.balanceTokens)
    this.updateHold()
    // What a device that owes can no longer keep back, its tenant no longer keeps back for it.
    this.parent?.updateHold()
  }

  /**
   * Brings this account's part in its parent's sums up to date, and the cost up to which spends are plain. O(1).
   * Called after all that changes either: a spend, a refund, a new round, new settings, a new or closed device.
   */
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
    // Plain is a cost that has been asked for before in this round, of an account that keeps nothing back but its
    // claim and has no ceiling: if its own tokens cover the cost, the spend changes no more than `spendPlain` does.
    const plain = this.reserved === 0 && due === 0 && this.ceilingTokens === Number.POSITIVE_INFINITY
    this.rows.numbers[this.row + PLAIN] = plain ? this.largestCost : 0
  }
}
