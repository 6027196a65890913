import type { Ledger } from '../../../src/core/ledger.ts'
import type { Events } from '../events.ts'
import { type AccountTruth, accountKey } from './model.ts'
import type { PlannedAccount } from './plan.ts'
import { type AccountSeen, handedOut, type RoundLog, type SeenRound } from './round-log.ts'
import { type Tally, Violation } from './tally.ts'

/** Fewer rounds say nothing. */
const LEAST_ROUNDS = 4
/** Of what is due so much must arrive: edges ask a little late, and the first round may have begun before. */
const SHARE_DUE = 0.9
/** Most that an allotment may be above the demand it comes from. */
const HEAD_ROOM = 5 / 4
/** Most that is left of a round and handed on to the next, as a share of a round. */
const HANDED_ON = 1 / 4

/** What the watch sees of the world. */
export interface BacklogWorld {
  readonly events: Events
  readonly tally: Tally
  readonly truth: ReadonlyMap<string, AccountTruth>
  readonly log: RoundLog
  /** The ledger of the node's present life; undefined while it is down. */
  ledger(): Ledger | undefined
  /** Until when isolates have felt that the node did not answer them, simulated milliseconds. */
  feltUntilMs(): number
}

/**
 * Watches, while all is well, the account that always wants more: it gets its base in every round, and in no round
 * does it go short of tokens that are left over.
 *
 * Each round is weighed by itself. Over several, the account may go short in one and everybody have enough in the
 * next: then the node hands out less than it has, and rightly so. Nor is left over what others were given by the
 * demand they told and no longer want: a claim keeps it to the end of its round, a lease as long as it lives.
 */
export class BacklogWatch {
  readonly #world: BacklogWorld
  readonly #account: PlannedAccount
  readonly #key: string

  constructor(world: BacklogWorld, account: PlannedAccount) {
    this.#world = world
    this.#account = account
    this.#key = accountKey(account.tenant, account.device)
  }

  /** Watches a time in which no fault is felt. */
  watch(fromMs: number, toMs: number, roundMs: number): void {
    const rounds = Math.floor((toMs - fromMs) / roundMs)
    if (rounds < LEAST_ROUNDS) return
    const { events } = this.#world
    events.at(fromMs, () => {
      const ledger = this.#world.ledger()
      if (ledger === undefined) return
      const { askedTokens, admittedTokens } = this.#truth
      events.at(toMs, () => {
        this.#world.tally.count('checkedBacklog')
        const admitted = this.#truth.admittedTokens - admittedTokens
        this.#checkBase(ledger, rounds - 1, admitted)
        this.#checkRounds(ledger, fromMs, this.#truth.askedTokens - askedTokens - admitted)
      })
    })
  }

  get #truth(): AccountTruth {
    return this.#world.truth.get(this.#key)!
  }

  #checkBase(ledger: Ledger, rounds: number, own: number): void {
    const account = ledger.accounts.get(this.#account.tenant)!
    const base = SHARE_DUE * account.baseTokens * rounds - account.owedTokens
    if (own < base) this.#fail(`${this.#key} had ${own} of a base of ${base}`)
  }

  #checkRounds(ledger: Ledger, fromMs: number, short: number): void {
    const { rounds } = this.#world.log
    const first = rounds.findIndex((round) => round.fromMs >= fromMs)
    // Who is refused when a round is due begins the next.
    if (first === -1) {
      if (short > (1 - SHARE_DUE) * ledger.roundTokens)
        this.#fail(`${this.#key} went short of ${short}, and no round began`)
      return
    }
    const all = [...rounds, this.#world.log.running(ledger)]
    const feltUntilMs = this.#world.feltUntilMs()
    let asked = 0
    let available = 0
    let missed = 0
    let carried = 0
    // One more at first, for what it carries into the next.
    for (let i = Math.max(1, first - 1); i < all.length; i++) {
      const round = all[i]!
      const times = timesDue(round, ledger.roundMs, i === rounds.length)
      if (times === 0) continue
      const left = times * ledger.roundTokens - handedOut(round) - reserved(round, ledger)
      const kept = this.#unwanted(round, all[i - 1]!) + round.deficitTokens
      const idle = left + Math.min(0, carried) - kept
      carried = Math.min(Math.max(0, carried) + left, ledger.roundTokens * HANDED_ON)
      // An isolate that fails may pause for seconds: what it is asked meanwhile reaches nobody.
      if (i < first || round.fromMs < feltUntilMs) continue
      this.#world.tally.count('checkedRound')
      const own = round.accounts.get(this.#key)!
      asked += own.askedTokens
      available += times * ledger.roundTokens
      missed += Math.max(0, Math.min(own.askedTokens - own.admittedTokens, idle))
    }
    const most = (1 - SHARE_DUE) * Math.min(asked, available)
    if (missed > most)
      this.#fail(`${this.#key} went short of ${missed} idle tokens, ${Math.floor(most)} may be`)
  }

  /** What the others were given and no longer want, as far as the demand of the round before explains it. */
  #unwanted({ accounts }: SeenRound, before: SeenRound): number {
    let sum = 0
    for (const [key, account] of accounts) {
      if (key === this.#key) continue
      const { toldTokens, admittedTokens, grantedTokens } = before.accounts.get(key)!
      // What edges asked for ahead is demand too, though the flood it was meant for may have ended since.
      const explained = HEAD_ROOM * Math.max(toldTokens, admittedTokens, grantedTokens)
      const unclaimed = Math.min(account.givenTokens, explained) - demandOf(account)
      // Or it lies in leases, for requests that are admitted in the next round.
      const leased = Math.min(account.grantedTokens, explained) - account.admittedTokens
      sum += Math.max(0, unclaimed, leased)
    }
    return sum
  }

  #fail(detail: string): never {
    throw new Violation('backlog', this.#world.events.nowMs, detail)
  }
}

/** What of their bases the tenants neither used nor lend. */
function reserved({ accounts }: SeenRound, ledger: Ledger): number {
  let sum = 0
  for (const { name, reserved: part, baseTokens } of ledger.accounts.values()) {
    sum += part * Math.max(0, baseTokens - (accounts.get(name)?.admittedTokens ?? 0))
  }
  return sum
}

/** What was asked in a round, or had waited for it. */
function demandOf({ askedTokens, admittedTokens }: AccountSeen): number {
  return Math.max(askedTokens, admittedTokens)
}

/** How many rounds' tokens a round might have handed out: more than one if somebody had wanted them. */
function timesDue({ fromMs, toMs }: SeenRound, roundMs: number, running: boolean): number {
  const times = Math.floor((toMs - fromMs) / roundMs)
  return running ? times : Math.max(1, times)
}
