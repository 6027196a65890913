import type { Account } from '../../../src/core/account.ts'
import type { Ledger } from '../../../src/core/ledger.ts'
import { above, atLeast, atMost, below, same } from './check.ts'
import { allAccounts, Bucket, burstOf, freeOf, holdOf, pathOf } from './oracle.ts'

/** The books the test keeps of one account. */
interface Mirror {
  /** Balance at the start of the round, and what was spent of it since. */
  start: number
  spent: number
  bucket: Bucket
  largestCost: number
}

/** What the ledger looked like before an operation. */
export interface Before {
  readonly round: number
  readonly refused: boolean
  readonly pool: number
  readonly kept: number
  readonly bases: ReadonlyMap<Account, number>
  readonly balances: ReadonlyMap<Account, number>
  readonly owed: ReadonlyMap<Account, number>
  /** On each level of the account that acts: idle tokens it could have. */
  readonly free: ReadonlyMap<Account, number>
}

/**
 * Books kept beside a ledger, straight from the rules and with no regard to speed. Every operation is
 * checked against the points of "What must hold" that can be seen from one operation.
 */
export class Books {
  #ledger: Ledger
  /** Time that has passed: a clock that goes backwards passes none. */
  #passedMs = 0
  #askedAtMs: number
  #roundStartedMs = 0
  #heardMs = 0
  #mirrors = new Map<Account, Mirror>()
  #rootStart: number
  #rootSpent = 0
  #charged = 0
  /** Capacity taken away while rounds ran. */
  #shrunk = 0
  #largestRound: number
  /** Σ of largest costs, closed accounts included. */
  #sumLargest = 0
  #grantedEver = 0
  /** Least of (granted so far − C · time): what window bounds are measured from. */
  #leastSlack = 0
  /** Q of every restart so far, and whether nothing has been granted since the last. */
  #restarts = 0
  #untouched = false
  /** Some tenant has, or had, devices. */
  #hasDevices = false
  redistributed = 0
  ownDebt = 0

  constructor(ledger: Ledger, nowMs: number, afterRestart: boolean) {
    this.#ledger = ledger
    this.#askedAtMs = nowMs
    this.#largestRound = ledger.roundTokens
    this.#rootStart = ledger.poolTokens
    if (afterRestart) this.restarted(ledger)
  }

  /** Goes on with the ledger of the next life, whose accounts are still to be adopted: the windows go on too. */
  restarted(ledger: Ledger): void {
    this.#ledger = ledger
    this.#mirrors.clear()
    same(ledger.poolTokens, -ledger.roundTokens)
    this.#rootStart = ledger.poolTokens
    this.#rootSpent = 0
    this.#roundStartedMs = this.#passedMs
    this.#heardMs = this.#passedMs
    this.#restarts += ledger.roundTokens
    this.#untouched = true
  }

  get #root(): Account {
    return this.#ledger.root
  }

  /** What the account had at the start of the round. */
  startOf(account: Account): number {
    return this.#mirrors.get(account)!.start
  }
  spentBy(account: Account): number {
    return this.#mirrors.get(account)!.spent
  }

  /** Time that will have passed when the ledger is told `nowMs`. */
  passedMs(nowMs: number): number {
    return this.#passedMs + Math.max(0, nowMs - this.#askedAtMs)
  }

  due(nowMs: number): boolean {
    return this.passedMs(nowMs) - this.#roundStartedMs >= this.#ledger.roundMs
  }

  /** Opens the books of a new account: a base that is spent already this round gives nothing now. */
  adopt(account: Account, baseTokens: number): void {
    atMost(account.balanceTokens, baseTokens)
    const bucket = new Bucket(this.#passedMs)
    this.#mirrors.set(account, { start: account.balanceTokens, spent: 0, bucket, largestCost: 0 })
  }

  /** Closes the books of an account and its devices. */
  drop(account: Account): void {
    for (const a of [account, ...account.children]) this.#mirrors.delete(a)
  }

  /** Follows a change of the settings of any account. */
  reconfigured(before: Before): void {
    for (const [account, mirror] of this.#mirrors) {
      const delta = account.balanceTokens - before.balances.get(account)!
      // A raised base may give less at once, never more; a lowered one takes all of it away.
      atMost(delta, account.baseTokens - before.bases.get(account)!)
      mirror.start += delta
      mirror.bucket.reset(
        account,
        this.#passedMs - (this.#askedAtMs - account.levelAtMs),
        this.#ledger.roundMs,
      )
    }
    this.restructured(before)
  }

  /** Follows a change of what a round may hand out. */
  resized(delta: number): void {
    this.#rootStart += delta
    this.#shrunk += Math.max(0, -delta)
    this.#largestRound = Math.max(this.#largestRound, this.#ledger.roundTokens)
  }

  /** After accounts came, changed or went: the round goes on. */
  restructured(before: Before): void {
    same(this.#ledger.roundNumber, before.round)
    this.check()
  }

  /** Notes what is about to be acted on. `asking`: the account asks for tokens, largest single cost `cost`. */
  before(nowMs: number, account?: Account, cost = 0, asking = true): Before {
    const due = this.due(nowMs)
    if (account !== undefined) {
      const mirror = this.#mirrors.get(account)!
      if (cost > mirror.largestCost) {
        this.#sumLargest += cost - mirror.largestCost
        mirror.largestCost = cost
      }
    }
    const all = allAccounts(this.#root)
    return {
      round: this.#ledger.roundNumber,
      refused: this.#root.refused,
      pool: this.#ledger.poolTokens,
      kept: this.#root.children.reduce((sum, child) => sum + holdOf(child, true), 0),
      bases: new Map(all.map((a) => [a, a.baseTokens])),
      balances: new Map(all.map((a) => [a, a.balanceTokens])),
      owed: new Map(all.map((a) => [a, a.owedTokens])),
      free: new Map(account && pathOf(account).map((a) => [a, freeOf(a, due, asking)])),
    }
  }

  /** Takes over the time of an operation that is told it. */
  passTo(nowMs: number): void {
    this.#passedMs += Math.max(0, nowMs - this.#askedAtMs)
    this.#askedAtMs = nowMs
  }

  /**
   * Books an operation that granted `amount` (below 0: took it back).
   *
   * @param heard whether the ledger was told the time: refunds do not.
   * @returns whether the round was renewed on the way.
   */
  after(before: Before, account: Account, amount: number, heard: boolean): boolean {
    const renewed = this.#ledger.roundNumber !== before.round
    if (renewed) this.#renew(before)
    else if (amount > 0) this.#checkDebt(before, account, amount)
    for (const a of pathOf(account)) {
      this.#mirrors.get(a)!.spent += amount
      if (a.owedTokens > 0) this.ownDebt++
    }
    this.#rootSpent += amount
    if (amount > 0) this.#untouched = false
    if (heard) this.#heardMs = this.#passedMs
    this.check()
    this.#checkWindows(amount)
    return renewed
  }

  /** Books a cost that was told afterwards. */
  charged(before: Before, account: Account, cost: number): void {
    this.#charged += cost
    this.after(before, account, cost, true)
    for (const a of pathOf(account)) this.#fill(a, cost)
  }

  /** Point 4: tokens appear only in a redistribution, at least T after the last, and exactly so many. */
  #renew(before: Before): void {
    const ledger = this.#ledger
    this.redistributed++
    same(ledger.roundNumber, before.round + 1)
    const elapsedMs = this.#passedMs - this.#roundStartedMs
    atLeast(elapsedMs, ledger.roundMs)
    this.#roundStartedMs = this.#passedMs
    // Who was refused comes back when the round is due, so silence is a pause only after two.
    const paused = this.#passedMs - this.#heardMs >= ledger.roundMs * (before.refused ? 2 : 1)
    const surplus = paused
      ? 0
      : Math.min(Math.max(0, before.pool - before.kept), Math.floor(ledger.roundTokens / 4))
    // With a deficit the first call after the round is due renews it, so whole rounds beyond were silent.
    const silent = Math.floor(elapsedMs / ledger.roundMs) - (this.#untouched ? 0 : 1)
    const deficit = Math.min(0, before.pool + silent * ledger.roundTokens)
    this.#rootStart = ledger.roundTokens + (before.pool < 0 ? deficit : surplus)
    this.#rootSpent = 0
    this.#untouched = false
    for (const [account, mirror] of this.#mirrors) {
      mirror.start = account.baseTokens - before.owed.get(account)!
      mirror.spent = 0
    }
  }

  /** Own debt is what neither own tokens nor free ones cover, on each level. */
  #checkDebt(before: Before, account: Account, amount: number): void {
    for (const a of pathOf(account)) {
      const owed = a.owedTokens - before.owed.get(a)!
      const rest = Math.max(0, amount - Math.max(0, before.balances.get(a)!))
      same(owed, rest - Math.min(rest, before.free.get(a)!))
    }
  }

  /** What must hold after every operation. */
  check(): void {
    const ledger = this.#ledger
    const root = this.#root
    same(ledger.poolTokens, this.#rootStart - this.#rootSpent)
    for (const [account, mirror] of this.#mirrors) {
      same(account.balanceTokens, mirror.start - mirror.spent)
      same(account.grantedTokens, mirror.spent)
      atLeast(account.owedTokens, 0)
    }
    for (const group of [root, ...root.children]) {
      const sum = (due: boolean) => group.children.reduce((held, child) => held + holdOf(child, due), 0)
      same(group.heldTokens, sum(false))
      same(group.heldDueTokens, sum(true))
      same(
        group.childrenBaseTokens,
        group.children.reduce((bases, child) => bases + child.baseTokens, 0),
      )
      const active = group.children.filter((child) => child.active)
      same(
        group.activeWeight,
        active.reduce((weights, child) => weights + child.weight, 0),
      )
    }
  }

  /**
   * Point 3. Charges are booked after the fact and never refused, so they count on top. On each level lenders
   * may take back what was lent there: a base, lent to other tenants, may be lent to a device once more.
   */
  #checkWindows(amount: number): void {
    this.#hasDevices ||= this.#root.children.some((tenant) => tenant.children.length > 0)
    const levels = this.#hasDevices ? 2 : 1
    const lent = levels * this.#largestRound
    const bound = lent + this.#sumLargest + this.#charged + this.#restarts
    atLeast(this.#ledger.poolTokens, -bound - this.#shrunk)
    const earned = (this.#largestRound * this.#passedMs) / this.#ledger.roundMs
    this.#leastSlack = Math.min(this.#leastSlack, this.#grantedEver - earned)
    this.#grantedEver += amount
    const inWorstWindow = this.#grantedEver - earned - this.#leastSlack
    const allowed = 2 * this.#largestRound + lent + 2 * this.#sumLargest + this.#charged + this.#restarts
    atMost(inWorstWindow, allowed + 1e-6)
  }

  /** Point 2, as far as one operation shows it: the round is running and nothing unclaimed is free. */
  checkRefusal(account: Account, cost: number): void {
    same(this.due(this.#askedAtMs), false)
    atMost(account.balanceTokens, 0)
    if (account.borrows) below(freeOf(account, false), cost)
  }

  /** A ceiling refuses only when it is reached; what a device has of its own only its own ceiling stops. */
  checkAtCeiling(account: Account, cost: number, own: number): void {
    const over = pathOf(account).filter((a) => this.#over(a, cost, 0, -1e-6))
    above(over.length, 0)
    if (own >= cost) same(over.includes(account), true)
  }

  /** A grant respects every ceiling on its way, own tokens of devices aside. */
  checkCeilings(account: Account, amount: number, own: number, first = amount): void {
    if (amount === 0) return
    for (const a of pathOf(account)) {
      if (a === account || amount > own) same(this.#over(a, amount, first, 1e-6), false)
      this.#fill(a, amount)
    }
  }

  #fill(account: Account, amount: number): void {
    this.#mirrors.get(account)!.bucket.add(amount, account, this.#passedMs, this.#ledger.roundMs)
  }

  #over(account: Account, amount: number, first: number, toleranceTokens: number): boolean {
    if (account.ceilingTokens === Number.POSITIVE_INFINITY) return false
    const level = this.#mirrors.get(account)!.bucket.level(account, this.#passedMs, this.#ledger.roundMs)
    return level + amount > Math.max(burstOf(account), first || amount) + toleranceTokens
  }
}
