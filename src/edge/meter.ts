import type { Account, Admission } from './admission.ts'
import { ByteTally, expectCost, parseCost } from './cost.ts'
import type { TenantFields } from './fields.ts'
import type { KnownRoute } from './known-route.ts'
import { BORROWED_HEADER, type SharedHead, writeField } from './shared-head.ts'

/** A shaped stream waits in turns of so long; it is never cut. */
const SHAPED_WAIT_MS = 60_000
/** Bulk waits behind requests. */
const BULK_URGENCY = 7
const RETRY_MS = 250

/** What a request costs, micro-tokens. */
export interface Price {
  /** Without a word of the origin. */
  readonly given: number
  /** Spent at admission. */
  readonly reserve: number
}

const NOTHING: Price = { given: 0, reserve: 0 }

/** What an admitted request goes on to cost: its bytes both ways, and what the origin says it was worth. */
export class Meter {
  readonly known: KnownRoute
  readonly account: Account | undefined
  readonly borrowed: boolean
  readonly #admission: Admission | undefined
  readonly #price: Price
  /** The session the reserve belongs to. */
  readonly #session: string
  #in: ByteTally | undefined
  #out: ByteTally | undefined

  /** Without an account (a tenant whose mode is `off`) nothing is counted. */
  constructor(
    known: KnownRoute,
    account?: Account,
    admission?: Admission,
    price: Price = NOTHING,
    borrowed = false,
  ) {
    this.known = known
    this.account = account
    this.borrowed = borrowed
    this.#admission = admission
    this.#price = price
    this.#session = account?.lease.session ?? ''
  }

  /** Whether the answer's bytes cost anything, so that they must pass by the meter. */
  get metersAnswer(): boolean {
    return this.account !== undefined && this.known.prices.perKiBOut > 0
  }
  /** Whether the request's bytes cost anything. */
  get metersRequest(): boolean {
    return this.account !== undefined && this.known.prices.perKiBIn > 0
  }

  /** Counts bytes of the answer that nothing is charged for. */
  countOut(bytes: number): void {
    if (this.account !== undefined) this.account.lease.bytesOut += bytes
  }

  /** Charges the next piece of the request; resolves when it may go on. At once unless shaped. */
  passIn(bytes: number): void | Promise<void> {
    if (this.account === undefined) return
    this.account.lease.bytesIn += bytes
    if (this.known.prices.perKiBIn === 0) return
    this.#in ??= new ByteTally(this.known.prices.perKiBIn)
    return this.#pass(this.#in.cost(bytes))
  }

  /** Charges the next piece of the answer; resolves when it may go on. At once unless shaped. */
  passOut(bytes: number): void | Promise<void> {
    if (this.account === undefined) return
    this.account.lease.bytesOut += bytes
    if (this.known.prices.perKiBOut === 0) return
    this.#out ??= new ByteTally(this.known.prices.perKiBOut)
    return this.#pass(this.#out.cost(bytes))
  }

  /**
   * Settles the cost of an answer by the origin's word, if it gives one: the reserve is topped up or given back.
   *
   * @param told the value of the tenant's cost header
   */
  commit(told: string | null): void {
    if (this.account === undefined) return
    const { lease } = this.account
    const { given, reserve } = this.#price
    const known = told === null ? undefined : parseCost(told)
    if (known !== undefined) lease.expectedCost = expectCost(lease.expectedCost, known)
    const cost = known ?? given
    if (cost > reserve) lease.charge(cost - reserve)
    else if (cost < reserve) lease.release(reserve - cost, this.#session)
  }

  /** Settles an answer of the origin and writes onto it what clients are told; the cost is for us alone. */
  settle(headers: Headers): void {
    const { header } = this.known.prices
    const told = headers.get(header)
    this.commit(told)
    if (told !== null) headers.delete(header)
    if (this.borrowed) headers.set(BORROWED_HEADER, '1')
    const fields = this.account?.share.fields
    if (fields === undefined) return
    // Where an answer does not tell ours, it does not show the origin's own instead.
    const limit = this.#limit(fields)
    writeField(headers, 'RateLimit-Policy', limit === undefined ? undefined : fields.policy)
    writeField(headers, 'RateLimit', limit)
  }

  /** What {@link settle} writes, onto the head that the tenant's answers made here have in common. */
  note(head: SharedHead): void {
    this.commit(null)
    head.mark(this.borrowed)
    const fields = this.account?.share.fields
    const limit = fields === undefined ? undefined : this.#limit(fields)
    head.tell(limit === undefined ? undefined : fields!.policy, limit)
  }

  /** What is left of the tenant's quota, if this answer is to tell. */
  #limit(fields: TenantFields): string | undefined {
    const { lease } = this.account!
    const nowMs = Date.now()
    const leftMicro = lease.leftTokens(nowMs) + lease.balance
    return fields.due(leftMicro, nowMs) ? fields.limit(leftMicro) : undefined
  }

  #pass(cost: number): void | Promise<void> {
    if (cost === 0) return
    const account = this.account!
    const { policy } = account.known.route
    if (policy.shape && policy.mode === 'enforce') return this.#acquire(cost)
    account.lease.charge(cost)
    this.#admission!.tend(account, Date.now())
  }

  /** Waits for tokens as long as it takes: a stream is slowed down, never cut. */
  #acquire(cost: number): void | Promise<void> {
    const verdict = this.#admission!.decide(this.account!, cost, SHAPED_WAIT_MS, Date.now())
    if (verdict > 1) return this.#waitFor(cost)
  }

  async #waitFor(cost: number): Promise<void> {
    const account = this.account!
    account.lease.crave(cost)
    for (;;) {
      const demand = { cost, maxWaitMs: SHAPED_WAIT_MS, urgency: BULK_URGENCY, bytes: 0 }
      const outcome = await this.#admission!.wait(account, demand)
      if (outcome === 'admitted' || outcome === 'borrowed') return
      if (outcome === 'unreachable' && this.#passesAlone(cost)) return
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
  }

  /** The node does not answer: as for requests, but `closed` only waits. */
  #passesAlone(cost: number): boolean {
    const { lease } = this.account!
    const { whenUnreachable } = this.known.route.policy
    if (whenUnreachable === 'open') return true
    return whenUnreachable === 'guarantee' && lease.takeGuaranteed(cost, Date.now())
  }
}
