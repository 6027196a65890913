import type { AccountGrant, AccountReport } from './messages.ts'
import type { NodeLine } from './node-line.ts'
import { NO_TOTALS } from './usage.ts'

/** What an edge does with a request. */
export const Verdict = {
  /** Admitted from the account's own tokens. */
  admit: 0,
  /** Admitted from tokens others leave idle. */
  admitBorrowed: 1,
  /** Refused: the node has said that nothing is there yet. */
  refuse: 2,
  /** Wait for the next message's answer. */
  join: 3,
  /** The node does not answer: the tenant's `whenUnreachable` decides. */
  unreachable: 4,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/** Below so many requests a horizon, an account asks for no more than what waits. */
const PREFETCH_REQUESTS = 4
/** While a flood is being refused, so much of the last grant may wait for the next one. */
const CROWDED_JOIN_SHARE = 1 / 16
/** A rate measured over less than this share of the averaging time is not scaled up further. */
const MIN_RATE_WEIGHT = 0.5
/** Requests whose cost is not known yet count as one token. */
const COST_OF_ONE = 1_000_000

/**
 * The lease of one account at one edge isolate: what the node has granted, less what was used. Plain
 * numbers, so that any request of the isolate may read and write it. Micro-tokens and the edge's own
 * milliseconds.
 */
export class Lease {
  readonly tenant: string
  readonly device: string | undefined
  epoch: number
  /** The line to the node that grants it; set by the book. */
  line!: NodeLine

  session = ''
  granted = 0
  credit = 0
  /** Of what is left, so much is borrowed; own tokens are used first. */
  borrowedLeft = 0
  untilMs = Number.NEGATIVE_INFINITY
  /** Asking before is of no use: the node has said so. */
  askAtMs = Number.NEGATIVE_INFINITY
  /** What the last answers granted at once; bounds how many of a flood wait for the next. */
  lastGrant = 0

  used = 0
  guaranteed = 0
  demand = 0
  admitted = 0
  refused = 0
  unreachable = 0
  shadowed = 0
  bytesIn = 0
  bytesOut = 0

  /** Micro-tokens that wait for an answer, and the cost of the first of them. */
  waiting = 0
  first = 0

  /** Measured demand, micro-tokens per millisecond, and where it was last measured. */
  ratePerMs = 0
  #rateSum = 0
  #rateWeight = 0
  #measuredAtMs = Number.NEGATIVE_INFINITY
  #measuredDemand = 0
  #lastCost = COST_OF_ONE
  /** What the last message said, and what of it the node has answered. */
  #reported = NO_TOTALS
  #acknowledged = NO_TOTALS
  /** The last answer gave less than wanted, and how many had been refused by then. */
  #cutShort = false
  #refusedBefore = 0
  #borrowedTotal = 0
  /** Given back after it was reported as used or asked for: taken from first, never reported again. */
  #spare = 0
  #overAsked = 0
  /** What the guaranteed rate has saved up for use without the node. */
  #allowance = 0
  #allowanceAtMs = Number.NEGATIVE_INFINITY
  /** Below this much left the next message is due. */
  lowWater = 0

  /** What the node last said about the account itself. */
  edges = 1
  baseTokens = 0
  roundMs = 1000
  /** What the account had left of its own at the node when the node last answered. */
  balance = 0
  /** Largest true cost of late, where the origin tells it afterwards; what such a request reserves. */
  expectedCost = 0

  constructor(tenant: string, device: string | undefined, epoch: number) {
    this.tenant = tenant
    this.device = device
    this.epoch = epoch
  }

  /** Micro-tokens left in a lease that lives; below 0 when overdrawn. */
  leftTokens(nowMs: number): number {
    return nowMs < this.untilMs ? this.#left : 0
  }

  /** Whether anything happened that the node has not confirmed to have heard. */
  get hasNews(): boolean {
    const { demand, used, refused } = this.#acknowledged
    return this.waiting > 0 || this.demand !== demand || this.used !== used || this.refused !== refused
  }

  /**
   * Decides on a request of `cost` and, if it is admitted, spends. The demand is counted either way.
   *
   * @param inFlight whether a message about this account is on its way.
   * @param canWait whether the request may outlast the node's "not before".
   */
  admit(cost: number, nowMs: number, inFlight: boolean, canWait: boolean): Verdict {
    this.#ask(cost)
    this.#lastCost = cost
    if (this.waiting === 0 || !canWait) {
      const taken = this.take(cost, nowMs, inFlight)
      if (taken !== Verdict.join) return taken
    }
    if (!canWait) {
      if (nowMs < this.askAtMs || this.#tooManyWait(cost)) return Verdict.refuse
    }
    return Verdict.join
  }

  /** Spends if the lease (or, with a message in flight, the credit) covers `cost`; `join` otherwise. */
  take(cost: number, nowMs: number, inFlight: boolean): Verdict {
    if (nowMs >= this.untilMs) return Verdict.join
    const left = this.#left
    const within = inFlight ? left + Math.min(this.credit, this.#inFlightNeed(cost)) : left
    if (within < cost) return Verdict.join
    this.#spend(cost)
    const after = left - cost
    if (after >= this.borrowedLeft) return Verdict.admit
    this.borrowedLeft = Math.max(after, 0)
    return Verdict.admitBorrowed
  }

  /**
   * Spends what has been consumed already, such as bytes that went through or a true cost above the reserve.
   * Never refuses: beyond the lease it is the tenant's own debt.
   */
  charge(cost: number): void {
    this.#ask(cost)
    this.#spend(cost)
    this.borrowedLeft = Math.max(0, Math.min(this.borrowedLeft, this.#left))
  }

  /**
   * Counts demand of a stream that is being slowed: it asks only for as much as it gets, so what it gets would
   * be taken for all it wants, and idle tokens would not be shared by weight.
   */
  crave(cost: number): void {
    this.demand += cost
  }

  /**
   * Gives back what a request reserved and did not need. Totals that were reported never decrease: what was
   * reported already is spent again before anything else, while its session lives.
   *
   * @param session the session in which the request was admitted; tokens of one that is over are lost.
   */
  release(cost: number, session: string): void {
    if (session !== this.session || session === '') return
    const unreported = Math.min(cost, this.used - this.#reported.used)
    this.used -= unreported
    this.#spare += cost - unreported
    const unasked = Math.min(cost, this.demand - this.#reported.demand)
    this.demand -= unasked
    this.#overAsked += cost - unasked
  }

  /**
   * Admits from the guaranteed rate alone, while the node cannot be reached: the base shared by the edges
   * the node last spoke of, at most one round of it at once. The node counts it as spent when it is back.
   */
  takeGuaranteed(cost: number, nowMs: number): boolean {
    const round = this.baseTokens / this.edges
    const earned = ((nowMs - this.#allowanceAtMs) * round) / this.roundMs
    this.#allowance = Math.min(Math.max(round, cost), this.#allowance + Math.max(0, earned))
    this.#allowanceAtMs = nowMs
    if (round === 0 || this.#allowance < cost) return false
    this.#allowance -= cost
    this.used += cost
    this.guaranteed += cost
    return true
  }

  /** Whether the next message should go out now, before the lease is empty. */
  refillDue(nowMs: number): boolean {
    // What waits may need more than is left even where that is above the mark.
    const short = this.waiting > 0 || this.#left <= this.lowWater
    return short && nowMs >= this.askAtMs
  }

  /** Writes down what the next message says, and measures the rate on the way. */
  report(nowMs: number): AccountReport {
    this.#measure(nowMs)
    const horizon = Math.ceil((this.ratePerMs * this.roundMs) / 2)
    const wanted = horizon < PREFETCH_REQUESTS * this.#lastCost ? 0 : horizon
    this.#reported = this.#totals()
    return {
      tenant: this.tenant,
      ...(this.device === undefined ? {} : { device: this.device }),
      epoch: this.epoch,
      session: this.session,
      ...(this.session === '' ? NO_TOTALS : this.#reported),
      want: Math.max(0, Math.max(wanted, this.waiting) - this.#spare),
      waiting: Math.max(0, this.waiting - this.#spare),
      first: Math.max(0, this.first - this.#spare),
    }
  }

  /**
   * Takes in the node's answer to the message sent at `sentAtMs`.
   *
   * @param roundTripMs measured time from message to answer, to know how early to ask.
   */
  settle(grant: AccountGrant, sentAtMs: number, roundTripMs: number): void {
    if (grant.session !== this.session) this.#adopt(grant)
    this.#acknowledged = this.#reported
    const fresh = grant.granted - this.granted
    this.lastGrant = Math.max(0, fresh)
    this.granted = Math.max(this.granted, grant.granted)
    this.#noteBorrowed(grant.borrowed)
    this.epoch = grant.epoch
    this.credit = grant.credit
    this.edges = grant.edges
    this.balance = grant.balance ?? 0
    this.baseTokens = grant.baseTokens
    this.roundMs = grant.roundMs
    this.untilMs = sentAtMs + grant.ttlMs
    // Counted from the sending: a message sent then arrives when the wait is over.
    this.askAtMs = grant.retryAfterMs === undefined ? Number.NEGATIVE_INFINITY : sentAtMs + grant.retryAfterMs
    this.#cutShort = grant.retryAfterMs !== undefined
    this.#refusedBefore = this.refused
    this.lowWater = Math.ceil(Math.min(2 * roundTripMs, this.roundMs / 4) * this.ratePerMs)
  }

  /** The node has forgotten or moved the account: everything begins anew under a fresh session. */
  forget(): void {
    this.session = ''
    this.#spare = 0
    this.untilMs = Number.NEGATIVE_INFINITY
    this.askAtMs = Number.NEGATIVE_INFINITY
  }

  get #left(): number {
    return this.granted - this.used + this.#spare
  }

  #spend(cost: number): void {
    const spared = Math.min(this.#spare, cost)
    this.#spare -= spared
    this.used += cost - spared
  }

  #ask(cost: number): void {
    const asked = Math.min(this.#overAsked, cost)
    this.#overAsked -= asked
    this.demand += cost - asked
  }

  /** The isolate's clock was set back: the lease ends, and asking may begin as early as before. */
  setBack(byMs: number): void {
    this.untilMs = Number.NEGATIVE_INFINITY
    this.askAtMs -= byMs
    this.#measuredAtMs -= byMs
    this.#allowanceAtMs -= byMs
  }

  #noteBorrowed(total: number): void {
    const fresh = total - this.#borrowedTotal
    if (fresh <= 0) return
    this.#borrowedTotal = total
    this.borrowedLeft = Math.max(0, Math.min(this.borrowedLeft + fresh, this.#left))
  }

  /** A new session: the node has settled what the last message said, the rest belongs to the new one. */
  #adopt(grant: AccountGrant): void {
    const settled = this.session === '' ? NO_TOTALS : this.#reported
    this.used -= settled.used
    this.guaranteed -= settled.guaranteed
    this.demand -= settled.demand
    this.admitted -= settled.admitted
    this.refused -= settled.refused
    this.unreachable -= settled.unreachable
    this.shadowed -= settled.shadowed
    this.bytesIn -= settled.bytesIn
    this.bytesOut -= settled.bytesOut
    this.#measuredDemand -= settled.demand
    this.#reported = NO_TOTALS
    this.session = grant.session
    this.granted = 0
    this.#spare = 0
    this.borrowedLeft = 0
    this.#borrowedTotal = 0
  }

  #totals() {
    const { used, guaranteed, demand, admitted, refused, unreachable, shadowed, bytesIn, bytesOut } = this
    return { used, guaranteed, demand, admitted, refused, unreachable, shadowed, bytesIn, bytesOut }
  }

  /** Rate over about half a round; the first message knows none. */
  #measure(nowMs: number): void {
    const elapsedMs = nowMs - this.#measuredAtMs
    if (elapsedMs < 1) return
    const fresh = this.demand - this.#measuredDemand
    this.#measuredAtMs = nowMs
    this.#measuredDemand = this.demand
    if (elapsedMs > 4 * this.roundMs) {
      this.ratePerMs = 0
      this.#rateSum = 0
      this.#rateWeight = 0
      return
    }
    const weight = 1 - Math.exp((-2 * elapsedMs) / this.roundMs)
    this.#rateSum += weight * (fresh / elapsedMs - this.#rateSum)
    this.#rateWeight += weight * (1 - this.#rateWeight)
    this.ratePerMs = this.#rateSum / Math.max(this.#rateWeight, MIN_RATE_WEIGHT)
  }

  /** What is expected to be asked for while a message is in flight, at least this request. */
  #inFlightNeed(cost: number): number {
    return Math.max(cost, this.lowWater)
  }

  /** A flood that is being refused must not pile up behind every message. */
  #tooManyWait(cost: number): boolean {
    if (this.waiting === 0 || !this.#cutShort || this.refused === this.#refusedBefore) return false
    return this.waiting + cost > this.lastGrant * CROWDED_JOIN_SHARE
  }
}
