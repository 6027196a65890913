import { type EdgeEnv, type EdgeSettings, edgeSettings, type Limits } from '../config.ts'
import { EdgeTally } from '../core/edge-tally.ts'
import { Verdict } from '../core/lease.ts'
import { parseTarget, type RequestTarget } from '../core/request-path.ts'
import type { Outcome } from '../core/wait-queue.ts'
import { type Account, Admission } from './admission.ts'
import { failure, unavailable } from './answers.ts'
import { requestCost } from './cost.ts'
import { Finder } from './finder.ts'
import { type KnownRoute, shareOfRequest } from './known-route.ts'
import { Meter, type Price } from './meter.ts'
import type { Execution } from './refill.ts'
import { DEFAULT_URGENCY, urgencyOf } from './urgency.ts'

/** A request on its way through the edge. */
export interface Visit {
  readonly request: Request
  readonly hasBody: boolean
  readonly target: RequestTarget
  readonly env: EdgeEnv
  readonly execution: Execution
  /** Micro-tokens, where the application itself says what the request costs. */
  readonly cost?: number
}

/** An admitted request, with the meter of what it goes on to cost; or the answer to give at once. */
export type Entry = Meter | Response

/**
 * How often a request follows a tenant: an edge that was away asks from one home to the next, as far as the directory,
 * which is read anew meanwhile, does not tell it sooner.
 */
const MAX_MOVES = 16
/** While a node does not answer, the routes to it count as fresh for so long, ms. */
const UNREACHABLE_FRESH_MS = 1_000
/** A waiting request keeps its head and at most so much of its body in memory. */
const HEAD_BYTES = 4 * 1024
const BUFFERED_BYTES = 64 * 1024

/**
 * All that one edge isolate knows: its leases and its directory, in plain memory. Every request of the
 * isolate walks through here: identify, admit (or wait); then it is forwarded, metered and answered. What is
 * known already is decided at once, without waiting for anything.
 */
export class Isolate {
  readonly limits: Limits
  readonly #finder: Finder
  readonly #admission: Admission
  readonly #tally: EdgeTally
  #env: EdgeEnv | undefined
  #settings: EdgeSettings | undefined

  constructor(limits: Limits, tally: EdgeTally = new EdgeTally()) {
    this.limits = limits
    this.#tally = tally
    this.#finder = new Finder(limits)
    this.#admission = new Admission(limits, this.#finder, tally)
  }

  /** The settings in the environment, read once. */
  settings(env: EdgeEnv): EdgeSettings {
    if (this.#settings === undefined || this.#env !== env) {
      this.#env = env
      this.#settings = edgeSettings(env)
    }
    return this.#settings
  }

  /** Reads what a request addresses; a Response when that cannot be told. @param url the request's */
  open(url: string, request: Request, env: EdgeEnv, execution: Execution): Visit | Response {
    const target = parseTarget(url)
    if (target === undefined) return failure(400, 'bad-target', 'the host name or the path is malformed')
    const { body } = request
    if (body !== null && Number(request.headers.get('Content-Length') ?? 0) > this.limits.bodyBytes) {
      return failure(413, 'body-too-large', `a body may have at most ${this.limits.bodyBytes} bytes`)
    }
    return { request, hasBody: body !== null, target, env, execution }
  }

  /** Admits a request of a host, or answers it. @param tenant a name the application gave instead */
  enter(visit: Visit, tenant?: string): Entry | Promise<Entry> {
    const nowMs = Date.now()
    const found = this.#find(visit, tenant, nowMs)
    if (found instanceof Promise) {
      return found.then((it) => this.#found(visit, it, tenant, 0, Date.now()))
    }
    return this.#found(visit, found, tenant, 0, nowMs)
  }

  #find({ target, request, env, execution }: Visit, tenant: string | undefined, nowMs: number) {
    return tenant === undefined
      ? this.#finder.byRequest(target, request, env, execution, nowMs)
      : this.#finder.byTenant(tenant, env, execution, nowMs)
  }

  #found(
    visit: Visit,
    found: KnownRoute | Response,
    tenant: string | undefined,
    moves: number,
    nowMs: number,
  ): Entry | Promise<Entry> {
    if (!(found instanceof Response)) return this.#admit(visit, found, tenant, moves, nowMs)
    this.#tally.refusals.unidentified++
    return found
  }

  #admit(
    visit: Visit,
    known: KnownRoute,
    tenant: string | undefined,
    moves: number,
    nowMs: number,
  ): Entry | Promise<Entry> {
    const { request, target, env, execution } = visit
    const { route } = known
    if (!this.#addressAllowed(known, request, env)) {
      this.#tally.refusals.address++
      return failure(403, 'address-not-allowed', 'requests from this address are not accepted')
    }
    if (route.policy.mode === 'off') return new Meter(known)
    if (route.node === undefined) {
      this.#tally.refusals.unplaced++
      return unavailable('not-placed', 'the tenant has no machine yet', 5_000)
    }
    const share = known.devices.length === 0 ? known.share : shareOfRequest(known, request, target)
    const account = this.#admission.account(known, route.node, share, env, execution)
    const given = visit.cost ?? requestCost(known.prices, request, target)
    const cost = Math.max(given, account.lease.expectedCost)
    const price = { given, reserve: cost }
    const verdict = this.#admission.decide(account, cost, route.policy.maxWaitMs, nowMs)
    if (verdict !== Verdict.join || route.policy.mode === 'shadow') {
      return this.#conclude(account, price, verdict, nowMs)
    }
    return this.#wait(visit, account, price, tenant, moves)
  }

  #conclude(account: Account, price: Price, verdict: Verdict, nowMs: number): Entry {
    const { known, lease } = account
    if (verdict === Verdict.admit || verdict === Verdict.admitBorrowed) {
      return this.#admitted(account, price, verdict === Verdict.admitBorrowed)
    }
    if (known.route.policy.mode === 'shadow') {
      const demand = { cost: price.reserve, maxWaitMs: 0, urgency: DEFAULT_URGENCY, bytes: 0 }
      if (verdict === Verdict.join) this.#admission.observe(account, demand)
      else lease.shadowed++
      lease.admitted++
      return new Meter(known, account, this.#admission, { given: 0, reserve: 0 }, false)
    }
    return verdict === Verdict.refuse
      ? this.#refused(account, nowMs)
      : this.#unreachable(account, price, nowMs)
  }

  async #wait(
    visit: Visit,
    account: Account,
    price: Price,
    tenant: string | undefined,
    moves: number,
  ): Promise<Entry> {
    const { request } = visit
    const { policy } = account.known.route
    const outcome: Outcome = await this.#admission.wait(account, {
      cost: price.reserve,
      maxWaitMs: policy.maxWaitMs,
      urgency: urgencyOf(request.headers.get('Priority'), policy.urgency),
      bytes: HEAD_BYTES + (visit.hasBody ? BUFFERED_BYTES : 0),
    })
    switch (outcome) {
      case 'admitted':
      case 'borrowed':
        return this.#admitted(account, price, outcome === 'borrowed')
      case 'gone':
      case 'refused':
        return this.#refused(account, Date.now())
      case 'unreachable':
        return this.#unreachable(account, price, Date.now())
      case 'moved':
        if (moves < MAX_MOVES) return this.#again(visit, tenant, moves + 1)
        this.#tally.refusals.moving++
        return unavailable('moving', 'the tenant is being moved; try again', 1_000)
    }
  }

  async #again(visit: Visit, tenant: string | undefined, moves: number): Promise<Entry> {
    const found = await this.#find(visit, tenant, Date.now())
    return this.#found(visit, found, tenant, moves, Date.now())
  }

  #admitted(account: Account, price: Price, borrowed: boolean): Meter {
    account.lease.admitted++
    return new Meter(account.known, account, this.#admission, price, borrowed)
  }

  #refused({ share, lease }: Account, nowMs: number): Response {
    lease.refused++
    this.#tally.refusals.quota++
    return share.refusals.answer(lease.askAtMs - nowMs, nowMs, this.limits.refusalBodiesPerSecond)
  }

  /** The node does not answer: the tenant's own setting decides. */
  #unreachable(account: Account, price: Price, nowMs: number): Entry {
    const { known, lease } = account
    const { whenUnreachable } = known.route.policy
    // The tenant may have been taken over: where it lives is read again, now and then.
    this.#finder.expire(known.route, nowMs - UNREACHABLE_FRESH_MS)
    const admit =
      whenUnreachable === 'open' ||
      (whenUnreachable === 'guarantee' && lease.takeGuaranteed(price.reserve, nowMs))
    if (!admit) {
      lease.refused++
      this.#tally.refusals.unreachable++
      return unavailable('node-unreachable', 'the machine of this tenant does not answer', 1_000)
    }
    lease.unreachable++
    return this.#admitted(
      account,
      whenUnreachable === 'open' ? { ...price, reserve: price.given } : price,
      false,
    )
  }

  #addressAllowed(known: KnownRoute, request: Request, env: EdgeEnv): boolean {
    if (known.deny === undefined && known.allow === undefined) return true
    const header = this.settings(env).addressHeader
    const address = header === undefined ? '' : (request.headers.get(header) ?? '').trim()
    if (known.deny?.has(address)) return false
    return known.allow === undefined || known.allow.has(address)
  }
}
