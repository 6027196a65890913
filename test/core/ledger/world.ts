import type { Account, AccountSettings } from '../../../src/core/account.ts'
import { Decision, type Ledger } from '../../../src/core/ledger.ts'
import { Books } from './books.ts'
import { atLeast, atMost, same } from './check.ts'
import { allAccounts, leavesOf, pathOf } from './oracle.ts'
import { type AccountPlan, type Step, settingsOf, splitBase, type WorldPlan } from './plans.ts'

/** The ledger under test: the real one, or a deliberately broken copy. */
export type LedgerClass = typeof Ledger

/** How often what happened, to tell a run in which nothing happened. */
export interface Tally {
  granted: number
  borrowed: number
  refused: number
  atCeiling: number
  settingsRefused: number
}

/**
 * A ledger with books kept beside it, straight from the rules and with no regard to speed. Every operation
 * is checked against the points of "What must hold" that can be seen from one operation.
 */
export class World {
  ledger: Ledger
  readonly #ledgerClass: LedgerClass
  readonly tally: Tally = { granted: 0, borrowed: 0, refused: 0, atCeiling: 0, settingsRefused: 0 }
  nowMs = 1_000_000
  readonly #books: Books
  #opened = 0

  constructor(ledgerClass: LedgerClass, plan: WorldPlan) {
    const { roundTokens, roundMs, afterRestart } = plan
    this.#ledgerClass = ledgerClass
    this.ledger = new ledgerClass({ roundTokens, roundMs, nowMs: this.nowMs, afterRestart })
    this.#books = new Books(this.ledger, this.nowMs, afterRestart)
    const bases = splitBase(Math.floor(roundTokens * plan.filled), plan.tenants)
    plan.tenants.forEach((tenant, i) => {
      this.open(tenant, bases[i]!)
    })
  }

  /** How often the round was renewed, and how often an account was seen in debt of its own. */
  get rounds(): { redistributed: number; ownDebt: number } {
    const { redistributed, ownDebt } = this.#books
    return { redistributed, ownDebt }
  }
  /** Time that has passed, as the ledger can know it: a clock that goes backwards passes none. */
  get passedMs(): number {
    return this.#books.passedMs(this.nowMs)
  }
  get root(): Account {
    return this.ledger.root
  }
  get leaves(): Account[] {
    return leavesOf(this.root)
  }

  /** Opens a tenant and its devices. */
  open(plan: AccountPlan, baseTokens: number): Account {
    const settings = settingsOf(plan, baseTokens, this.ledger.roundTokens)
    const account = this.ledger.open(`tenant-${this.#opened++}`, settings)
    this.#books.adopt(account, baseTokens)
    const bases = splitBase(baseTokens, plan.devices)
    plan.devices.forEach((device, i) => {
      const deviceSettings = settingsOf(device, bases[i]!, this.ledger.roundTokens)
      this.#books.adopt(this.ledger.openDevice(account, `device-${i}`, deviceSettings), bases[i]!)
    })
    this.#books.check()
    return account
  }

  wait(ms: number): void {
    this.nowMs += Math.max(0, Math.round(ms))
  }

  spend(account: Account, cost: number): Decision {
    const books = this.#books
    const own = Math.max(0, account.balanceTokens)
    const before = books.before(this.nowMs, account, cost)
    const decision = this.ledger.spend(cost % 2 === 0 ? account : account.number, cost, this.nowMs)
    books.passTo(this.nowMs)
    const granted = decision === Decision.granted || decision === Decision.borrowed
    const renewed = books.after(before, account, granted ? cost : 0, true)
    if (granted) books.checkCeilings(account, cost, renewed ? Math.max(0, books.startOf(account)) : own)
    if (decision === Decision.borrowed) same(account.borrows, true)
    if (decision === Decision.refused) books.checkRefusal(account, cost)
    if (decision === Decision.atCeiling) books.checkAtCeiling(account, cost, own)
    this.tally[decisionName(decision)]++
    return decision
  }

  lease(account: Account, wanted: number, first: number): number {
    const books = this.#books
    const needed = Math.max(first, Math.floor(wanted / 2))
    const own = Math.max(0, account.balanceTokens)
    const before = books.before(this.nowMs, account, first)
    const amount = this.ledger.lease(account, wanted, needed, first, this.nowMs)
    books.passTo(this.nowMs)
    atLeast(amount, 0)
    atMost(amount, Math.max(wanted, first))
    const renewed = books.after(before, account, amount, true)
    books.checkCeilings(account, amount, renewed ? Math.max(0, books.startOf(account)) : own, first)
    this.tally[amount < needed ? 'refused' : 'granted']++
    return amount
  }

  charge(account: Account, cost: number): void {
    const before = this.#books.before(this.nowMs, account, cost, false)
    this.ledger.charge(account, cost, this.nowMs)
    this.#books.passTo(this.nowMs)
    this.#books.charged(before, account, cost)
  }

  refund(account: Account, tokens: number, late: boolean): void {
    const before = this.#books.before(this.nowMs, account)
    const spent = this.#books.spentBy(account)
    const back = this.ledger.refund(account, tokens, this.ledger.roundNumber - (late ? 1 : 0))
    atMost(back, late ? 0 : Math.min(tokens, spent))
    this.#books.after(before, account, -back, false)
    for (const a of pathOf(account)) atMost(a.balanceTokens, a.baseTokens)
  }

  demand(account: Account, tokens: number): void {
    const before = this.#books.before(this.nowMs, account)
    this.ledger.demand(account, tokens, this.nowMs)
    this.#books.passTo(this.nowMs)
    this.#books.after(before, account, 0, true)
  }

  /** Changes settings; what does not fit is refused and changes nothing. */
  change(account: Account, plan: AccountPlan): void {
    const parent = account.parent!
    const others = parent.childrenBaseTokens - account.baseTokens
    const base = Math.floor(((parent.baseTokens - others) * (plan.part + 1)) / 5)
    this.#reconfigure(() => this.ledger.change(account, settingsOf(plan, base, this.ledger.roundTokens)))
  }

  close(account: Account): void {
    const before = this.#books.before(this.nowMs)
    this.ledger.close(account)
    this.#books.drop(account)
    this.#books.restructured(before)
  }

  openLate(plan: AccountPlan): void {
    const free = this.ledger.roundTokens - this.root.childrenBaseTokens
    this.open(plan, Math.floor((free * (plan.part + 1)) / 6))
  }

  /** The node's next life: what was granted is forgotten, settings and debts are not. */
  restart(): void {
    const { roundTokens, roundMs, root } = this.ledger
    this.#books.passTo(this.nowMs)
    this.ledger = new this.#ledgerClass({ roundTokens, roundMs, nowMs: this.nowMs, afterRestart: true })
    this.#books.restarted(this.ledger)
    for (const tenant of root.children) {
      const opened = this.#reopen(tenant, this.ledger.open(tenant.name, settingsFrom(tenant)))
      for (const device of tenant.children) {
        this.#reopen(device, this.ledger.openDevice(opened, device.name, settingsFrom(device)))
      }
    }
    this.#books.check()
  }

  #reopen(before: Account, account: Account): Account {
    account.restoreDebt(before.owedTokens)
    this.#books.adopt(account, account.baseTokens)
    return account
  }

  resize(factor: number): void {
    const roundTokens = Math.max(1, Math.round(this.ledger.roundTokens * factor))
    if (roundTokens > 1e6) return
    this.#reconfigure(() => {
      const delta = roundTokens - this.ledger.roundTokens
      this.ledger.setRoundTokens(roundTokens)
      this.#books.resized(delta)
    })
  }

  #reconfigure(change: () => void): void {
    const before = this.#books.before(this.nowMs)
    try {
      change()
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'LedgerSettingsError') throw error
      this.tally.settingsRefused++
    }
    this.#books.reconfigured(before)
  }

  /** Lets one step of a random history happen. */
  play(step: Step): void {
    const leaves = this.leaves
    if (step.kind === 'wait') this.wait(step.rounds * this.ledger.roundMs)
    else if (step.kind === 'back') this.nowMs -= Math.round(step.rounds * this.ledger.roundMs)
    else if (step.kind === 'open') this.openLate(step.plan)
    else if (step.kind === 'resize') this.resize(step.factor)
    else if (step.kind === 'restart') this.restart()
    else if (leaves.length > 0) this.#playOn(leaves, step)
  }

  #playOn(leaves: Account[], step: Extract<Step, { who: number }>): void {
    const account = leaves[step.who % leaves.length]!
    if (step.kind === 'spend') for (let i = 0; i < step.times; i++) this.spend(account, step.cost)
    else if (step.kind === 'lease') this.lease(account, step.wanted, Math.min(step.first, step.wanted))
    else if (step.kind === 'charge') this.charge(account, step.cost)
    else if (step.kind === 'refund') this.refund(account, step.cost, step.late)
    else if (step.kind === 'demand') this.demand(account, step.cost)
    else if (step.kind === 'change') {
      const all = allAccounts(this.root)
      this.change(all[step.who % all.length]!, step.plan)
    } else this.close(step.who % 2 === 0 ? account : (pathOf(account).at(-1) as Account))
  }
}

function settingsFrom({
  baseTokens,
  weight,
  priority,
  ceilingTokens,
  reserved,
  borrows,
}: Account): AccountSettings {
  const settings = { baseTokens, weight, priority, lendable: 1 - reserved, borrows }
  return ceilingTokens === Number.POSITIVE_INFINITY ? settings : { ...settings, ceilingTokens }
}

function decisionName(decision: Decision): 'granted' | 'borrowed' | 'refused' | 'atCeiling' {
  if (decision === Decision.granted) return 'granted'
  if (decision === Decision.borrowed) return 'borrowed'
  return decision === Decision.refused ? 'refused' : 'atCeiling'
}
