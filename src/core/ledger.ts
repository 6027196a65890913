import { Account } from './account.ts'
import { STRIDE } from './account-rows.ts'
import { assertMicro } from './amount.ts'
import { book, freeFor, markRefused, spendPlain, unbook, wait, want } from './booking.ts'
import { capAtCeilings, ceilingWaitMs, fitsCeilings } from './ceiling.ts'
import { renewRound } from './round.ts'
import { type AccountSettings, LedgerSettingsError } from './settings.ts'
import { attach, detach, reconfigure } from './tree.ts'

export { LedgerSettingsError } from './settings.ts'

/** What became of a spend. */
export const Decision = {
  /** Paid by the account's own balance (or on its own debt). */
  granted: 0,
  /** Paid, at least in part, by tokens others leave idle. */
  borrowed: 1,
  /** Nothing is free for this account until the round is due. */
  refused: 2,
  /** The ceiling of the account or of its tenant is reached. */
  atCeiling: 3,
} as const
export type Decision = (typeof Decision)[keyof typeof Decision]

/** A broken promise of the ledger itself: a bug, never bad input. The holder must stop and restart. */
export class LedgerInvariantError extends Error {
  override readonly name = 'LedgerInvariantError'
}

/** What one round may hand out, and how long it lasts. */
export interface LedgerOptions {
  /** Micro-tokens a round may hand out (Q), a positive integer. */
  readonly roundTokens: number
  /** Length of a round (T), a positive integer. */
  readonly roundMs: number
  readonly nowMs: number
  /**
   * True after a restart that may have forgotten grants: base tokens are open at once, borrowing stays
   * shut until what the forgotten round may have granted is absorbed. A round in which nothing is spent absorbs it.
   */
  readonly afterRestart?: boolean
}

/**
 * The token ledger of one node: base tokens, negative tokens, redistribution and borrowing, for tenants
 * and for the devices below them. Pure: the caller brings the time. A spend is O(1) in the number of
 * accounts and allocates nothing; a round costs O(n log n).
 */
export class Ledger {
  readonly root = new Account('', undefined)
  readonly #accounts = new Map<string, Account>()
  #roundMs: number
  #roundNumber = 1
  #roundStartedAtMs: number
  #closedGranted = 0
  /** This is the first round after a restart, and nothing has been spent. */
  #untouched: boolean
  #nowMs: number
  #lastSpentAtMs: number
  #lastAskedAtMs: number

  constructor(options: LedgerOptions) {
    assertMicro(options.roundTokens)
    assertTime(options.nowMs)
    assertTime(options.roundMs)
    if (options.roundMs < 1) throw new RangeError('a round must last at least a millisecond')
    this.#roundMs = options.roundMs
    this.#roundStartedAtMs = options.nowMs
    this.#nowMs = options.nowMs
    this.#lastSpentAtMs = options.nowMs
    this.#lastAskedAtMs = options.nowMs
    this.root.unmeasured = true
    this.root.baseTokens = options.roundTokens
    this.root.startTokens = options.afterRestart ? -options.roundTokens : options.roundTokens
    this.#untouched = options.afterRestart ?? false
  }

  /** R: what the round has left, micro-tokens; below 0 after lenders took their base back. */
  get poolTokens(): number {
    return this.root.balanceTokens
  }
  get roundTokens(): number {
    return this.root.baseTokens
  }
  get roundMs(): number {
    return this.#roundMs
  }
  get roundNumber(): number {
    return this.#roundNumber
  }
  get roundStartedAtMs(): number {
    return this.#roundStartedAtMs
  }
  /** When the round may end. */
  get dueAtMs(): number {
    return this.#roundStartedAtMs + this.#roundMs
  }
  /** The tenants' accounts, in the order they were opened. */
  get accounts(): ReadonlyMap<string, Account> {
    return this.#accounts
  }

  /**
   * Opens an account, or changes the settings of one that is open (its balance moves with its base).
   *
   * @throws LedgerSettingsError when the bases do not fit or the ceiling is below the base.
   */
  open(name: string, settings: AccountSettings): Account {
    const existing = this.#accounts.get(name)
    if (existing !== undefined) {
      this.change(existing, settings)
      return existing
    }
    const account = attach(name, this.root, settings, this.#nowMs)
    this.#accounts.set(name, account)
    return account
  }

  /** Opens a device below a tenant: the same rule one level down. @throws LedgerSettingsError as `open`. */
  openDevice(tenant: Account, name: string, settings: AccountSettings): Account {
    const existing = tenant.children.find((child) => child.name === name)
    if (existing === undefined) return attach(name, tenant, settings, this.#nowMs)
    this.change(existing, settings)
    return existing
  }

  /** Changes settings while the round runs. @throws LedgerSettingsError as `open`. */
  change(account: Account, settings: AccountSettings): void {
    reconfigure(account, settings)
  }

  /** Closes an account and its devices; what it spent stays spent. */
  close(account: Account): void {
    detach(account)
    if (account.parent !== this.root) return
    this.#accounts.delete(account.name)
    this.#closedGranted += account.grantedTokens
  }

  /**
   * Changes what a round may hand out, at once.
   *
   * @throws LedgerSettingsError when the bases no longer fit.
   */
  setRoundTokens(roundTokens: number): void {
    assertMicro(roundTokens)
    if (this.root.childrenBaseTokens > roundTokens) {
      throw new LedgerSettingsError('the tenants’ bases add up to more than the new capacity; move one first')
    }
    this.root.startTokens += roundTokens - this.root.baseTokens
    this.root.baseTokens = roundTokens
  }

  /**
   * Spends `cost` from a tenant or device, whole or not at all. A refused spend costs nothing.
   *
   * @param payer the account or its `number`: among 100 000 accounts finding the object takes longer than deciding.
   * @throws RangeError for a number that no open account has.
   */
  spend(payer: Account | number, cost: number, nowMs: number): Decision {
    assertMicro(cost)
    this.#hear(nowMs)
    const rows = this.root.rows
    const plain =
      typeof payer === 'number'
        ? Number.isInteger(payer) && spendPlain(rows, payer * STRIDE, cost)
        : spendPlain(payer.rows, payer.row, cost)
    if (plain) {
      this.#lastSpentAtMs = nowMs
      this.#untouched = false
      return Decision.granted
    }
    const account = typeof payer === 'number' ? rows.owner(payer) : payer
    const decision = this.#trySpend(account, cost)
    // A tenant's ceiling does not stop what a device has of its own, and the round that is due brings that.
    const base = account.ownTokens < cost && account.baseTokens - account.owedTokens >= cost
    const renews = decision === Decision.refused || (decision === Decision.atCeiling && base)
    if (!renews || !this.#isDue()) return decision
    this.#redistribute(this.#nowMs)
    return this.#trySpend(account, cost)
  }

  /**
   * Grants up to `wanted` to a session: the account's own tokens and what is free, perhaps less.
   *
   * @param needed below this the account counts as refused this round (what waits, or measured demand;
   *   a prefetch that is cut short is no refusal).
   * @param first cost of the first waiting request: granted whole, on the account's own debt if need be,
   *   while the account has tokens of its own.
   * @returns micro-tokens granted, 0…max(wanted, first).
   */
  lease(account: Account, wanted: number, needed: number, first: number, nowMs: number): number {
    assertMicro(wanted)
    assertMicro(needed)
    assertMicro(first)
    this.#hear(nowMs)
    wait(account, needed, first)
    let amount = this.#leasable(account, wanted, first)
    if (amount < needed) {
      markRefused(account)
      if (this.#isDue()) {
        this.#redistribute(this.#nowMs)
        wait(account, needed, first)
        amount = this.#leasable(account, wanted, first)
        if (amount < needed) markRefused(account)
      }
    }
    if (amount > 0) this.#book(account, amount, this.#isDue())
    return amount
  }

  /** Counts demand that did not come as a spend (an edge reports what was asked of it). */
  demand(account: Account, tokens: number, nowMs: number): void {
    assertMicro(tokens)
    this.#hear(nowMs)
    want(account, tokens, 0)
  }

  /** Books a cost after the fact; never refuses. What free tokens do not cover becomes the account's debt. */
  charge(account: Account, cost: number, nowMs: number): void {
    assertMicro(cost)
    this.#hear(nowMs)
    this.#book(account, cost, this.#isDue())
  }

  /**
   * Returns unspent tokens of round `roundNumber`; of an earlier round they are lost, never minted.
   *
   * @returns micro-tokens that were taken back.
   */
  refund(account: Account, tokens: number, roundNumber: number): number {
    assertMicro(tokens)
    if (roundNumber !== this.#roundNumber) return 0
    return unbook(account, tokens)
  }

  /** How long a refused caller should wait before anything can have changed. */
  retryAfterMs(account: Account, cost: number, nowMs: number): number {
    return Math.max(0, this.dueAtMs - nowMs, ceilingWaitMs(account, cost, this.#roundMs))
  }

  /**
   * Hands the base tokens out again. Idle lenders' tokens pay their borrowers' debts; own debt is carried
   * over. The ledger calls it when the round is due and somebody wants what is no longer there.
   */
  #redistribute(nowMs: number): void {
    this.#assertConserved()
    const elapsedMs = Math.max(nowMs - this.#roundStartedAtMs, this.#roundMs)
    renewRound(this.root, {
      elapsedMs,
      roundMs: this.#roundMs,
      untouched: this.#untouched,
      paused: this.#isForgotten(),
    })
    this.#closedGranted = 0
    this.#untouched = false
    this.#roundStartedAtMs = nowMs
    this.#roundNumber++
  }

  /** Something happens: somebody asks, or costs are told. */
  #hear(nowMs: number): void {
    this.#advance(nowMs)
    this.#lastAskedAtMs = nowMs
  }

  /** Takes the caller's time; a clock that goes backwards stretches the round instead of minting. */
  #advance(nowMs: number): void {
    assertTime(nowMs)
    if (nowMs < this.#nowMs) {
      const backMs = this.#nowMs - nowMs
      this.#roundStartedAtMs -= backMs
      this.#lastSpentAtMs -= backMs
      this.#lastAskedAtMs -= backMs
      for (const account of this.root.children) shiftLevels(account, backMs)
    }
    this.#nowMs = nowMs
    if (!this.#isDue()) return
    if (this.#isPaused() || this.root.balanceTokens <= 0 || this.root.refused) this.#redistribute(nowMs)
  }

  /**
   * Nobody spent anything for a whole round. The next spend begins a new one: a round that waited half
   * used would otherwise be followed at once by a full one, two rounds' tokens in a moment.
   */
  #isPaused(): boolean {
    return this.#nowMs - this.#lastSpentAtMs >= this.#roundMs
  }

  /**
   * Nothing happened for a whole round, so what was wanted before says nothing any more. Who was refused was told
   * to come back when the round is due: then it takes two.
   */
  #isForgotten(): boolean {
    const silentMs = this.#nowMs - this.#lastAskedAtMs
    return silentMs >= (this.root.refused ? 2 * this.#roundMs : this.#roundMs)
  }

  #isDue(): boolean {
    return this.#nowMs >= this.dueAtMs
  }

  #trySpend(account: Account, cost: number): Decision {
    want(account, cost, cost)
    if (!fitsCeilings(account, cost, this.#nowMs, this.#roundMs)) return Decision.atCeiling
    const own = account.ownTokens
    const due = this.#isDue()
    const covered = own >= cost || freeFor(account, due) >= cost - own
    if (own === 0 && cost > 0 && !covered) {
      markRefused(account)
      return Decision.refused
    }
    this.#book(account, cost, due)
    return covered && cost > own ? Decision.borrowed : Decision.granted
  }

  #book(account: Account, amount: number, due: boolean): void {
    book(account, amount, due, this.#nowMs, this.#roundMs)
    this.#lastSpentAtMs = this.#nowMs
    if (amount > 0) this.#untouched = false
  }

  #leasable(account: Account, wanted: number, first: number): number {
    const own = account.ownTokens
    let amount = Math.min(wanted, own + freeFor(account, this.#isDue()))
    if (own > 0 && amount < first) amount = first
    return capAtCeilings(account, amount, first, this.#nowMs, this.#roundMs)
  }

  #assertConserved(): void {
    let granted = this.#closedGranted
    for (const account of this.root.children) granted += account.grantedTokens
    const onNode = this.root.grantedTokens
    if (granted !== onNode) {
      throw new LedgerInvariantError(
        `tokens are not conserved: accounts spent ${granted}, the node ${onNode}`,
      )
    }
  }
}

function shiftLevels(account: Account, backMs: number): void {
  account.levelAtMs -= backMs
  for (const device of account.children) shiftLevels(device, backMs)
}

function assertTime(ms: number): void {
  if (!Number.isSafeInteger(ms)) throw new RangeError(`a time must be whole milliseconds, not ${ms}`)
}
