import type { Ledger } from '../../../src/core/ledger.ts'
import type { Events } from '../events.ts'
import { type AccountTruth, accountKey } from './model.ts'
import type { PlannedAccount } from './plan.ts'
import { type Tally, Violation } from './tally.ts'

/** Fewer rounds say nothing. */
const LEAST_ROUNDS = 4
/** Of what is due so much must arrive: edges ask a little late, and the first round may have begun before. */
const SHARE_DUE = 0.9
/** Served to less than this, a backlog still waits for tokens. */
const SERVED = 0.9

/** What the watch sees of the world. */
export interface BacklogWorld {
  readonly events: Events
  readonly tally: Tally
  readonly truth: ReadonlyMap<string, AccountTruth>
  /** The ledger of the node's present life; undefined while it is down. */
  ledger(): Ledger | undefined
}

/**
 * Watches, while all is well, the account that always wants more: round after round it gets its base, and
 * while it goes short the node hands out all it has (what accounts do not lend aside).
 */
export class BacklogWatch {
  readonly #world: BacklogWorld
  readonly #account: PlannedAccount

  constructor(world: BacklogWorld, account: PlannedAccount) {
    this.#world = world
    this.#account = account
  }

  /** Watches a time in which no fault is felt. */
  watch(fromMs: number, toMs: number, roundMs: number): void {
    const rounds = Math.floor((toMs - fromMs) / roundMs)
    if (rounds < LEAST_ROUNDS) return
    const { events } = this.#world
    events.at(fromMs, () => {
      const ledger = this.#world.ledger()
      if (ledger === undefined) return
      const before = this.#admitted()
      events.at(toMs, () => this.#check(ledger, rounds - 1, before))
    })
  }

  #check(ledger: Ledger, rounds: number, before: { own: number; asked: number; all: number }): void {
    const { tenant } = this.#account
    const after = this.#admitted()
    const account = ledger.accounts.get(tenant)!
    const own = after.own - before.own
    this.#world.tally.count('checkedBacklog')
    const base = SHARE_DUE * account.baseTokens * rounds - account.owedTokens
    if (own < base) this.#fail(`${tenant} had ${own} of a base of ${base}`)
    if (own >= SERVED * (after.asked - before.asked)) return
    let lendable = ledger.roundTokens
    for (const { reserved, baseTokens } of ledger.accounts.values()) lendable -= reserved * baseTokens
    const due = SHARE_DUE * lendable * rounds
    const all = after.all - before.all
    if (all < due) this.#fail(`${tenant} went short while only ${all} of ${Math.floor(due)} were handed out`)
  }

  #admitted(): { own: number; asked: number; all: number } {
    const { truth } = this.#world
    const own = truth.get(accountKey(this.#account.tenant, this.#account.device))!
    let all = 0
    for (const { admittedTokens } of truth.values()) all += admittedTokens
    return { own: own.admittedTokens, asked: own.askedTokens, all }
  }

  #fail(detail: string): never {
    throw new Violation('backlog', this.#world.events.nowMs, detail)
  }
}
