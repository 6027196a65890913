import type { Env, Limits } from '../config.ts'
import { COORDINATOR_NAME } from '../config.ts'
import type { Lease } from '../core/lease.ts'
import { Verdict } from '../core/lease.ts'
import { LeaseBook, type NodeLine } from '../core/lease-book.ts'
import type { Moved } from '../core/messages.ts'
import type { Outcome } from '../core/wait-queue.ts'
import { failure, overQuota, unavailable } from './answers.ts'
import { Directory, type KnownRoute } from './directory.ts'
import { identify } from './identify.ts'
import { type Messenger, planReport, startRefill } from './refill.ts'
import { sleep } from './sleep.ts'
import { forward } from './upstream.ts'

/** The part of the platform's execution context that an isolate uses. */
export interface Execution {
  waitUntil(work: Promise<unknown>): void
}

/** How a request was admitted; otherwise the answer to give at once. */
type Admission = { readonly borrowed: boolean } | { readonly answer: Response }

const ADMITTED: Admission = { borrowed: false }
const BORROWED: Admission = { borrowed: true }
/** How often a request follows a tenant that moves while it waits. */
const MAX_MOVES = 4
/** A request that waits looks up this often, in case the one that asked for it is gone. */
const POLL_MS = 100
/** Urgency of RFC 9218 without a `Priority` field. */
const DEFAULT_URGENCY = 3

/**
 * All that one edge isolate knows: its leases and its directory, in plain memory. Every request of the
 * isolate walks through here: identify, admit (or wait), forward, answer.
 */
export class Isolate {
  readonly #limits: Limits
  readonly #book: LeaseBook
  readonly #directory: Directory

  constructor(limits: Limits) {
    this.#limits = limits
    this.#book = new LeaseBook(crypto.randomUUID(), limits.book)
    this.#directory = new Directory(limits)
  }

  async serve(request: Request, env: Env, execution: Execution): Promise<Response> {
    const url = new URL(request.url)
    const found = await this.#find(url, env, execution)
    if (found instanceof Response) return found
    const messenger = this.#messenger(env, execution)
    let known = found
    for (let moves = 0; moves < MAX_MOVES; moves++) {
      const admitted = await this.#admit(known, messenger)
      if (admitted === 'moved') {
        const again = await this.#find(url, env, execution)
        if (again instanceof Response) return again
        known = again
      } else if ('answer' in admitted) return admitted.answer
      else return forward(request, url, known.route, admitted.borrowed, this.#limits.upstreamMs)
    }
    return unavailable('moving', 'the tenant is being moved; try again', 1_000)
  }

  /** The route of a request; from the cache if it is there, else from the coordinator. */
  async #find(url: URL, env: Env, execution: Execution): Promise<KnownRoute | Response> {
    const host = url.hostname
    let lookup = this.#directory.lookup(host, Date.now())
    if (lookup.kind === 'miss') {
      try {
        this.#directory.learn(host, await coordinatorOf(env).resolveHost(host), Date.now())
      } catch {
        return unavailable(
          'no-directory',
          'the coordinator does not answer and this host is not known yet',
          1_000,
        )
      }
      lookup = this.#directory.lookup(host, Date.now())
    }
    if (lookup.kind !== 'known') return failure(404, 'no-such-tenant', 'no tenant claims this host name')
    if (lookup.stale && this.#directory.beginRefresh(host)) execution.waitUntil(this.#refresh(host, env))
    const known = identify(lookup.routes, url.pathname)
    return known ?? failure(404, 'no-such-tenant', 'no tenant claims this path')
  }

  async #refresh(host: string, env: Env): Promise<void> {
    try {
      this.#directory.learn(host, await coordinatorOf(env).resolveHost(host), Date.now())
    } catch {
      this.#directory.failRefresh(host)
    }
  }

  async #admit(known: KnownRoute, messenger: Messenger): Promise<Admission | 'moved'> {
    const { route } = known
    if (route.node === undefined) {
      return { answer: unavailable('not-placed', 'the tenant has no machine yet', 5_000) }
    }
    const line = this.#book.line(route.node)
    const lease = this.#leaseOf(line, known)
    const waiter = Promise.withResolvers<Outcome>()
    const nowMs = Date.now()
    const verdict = this.#book.admit(
      line,
      lease,
      {
        cost: known.costPerRequest,
        maxWaitMs: route.policy.maxWaitMs,
        urgency: DEFAULT_URGENCY,
        bytes: 0,
        settle: waiter.resolve,
      },
      nowMs,
    )
    if (this.#book.messageDue(line, lease, nowMs)) {
      startRefill(this.#book, line, messenger, this.#limits.messageMs)
    }
    planReport(this.#book, line, messenger, route.roundMs / 2, this.#limits.messageMs)
    if (verdict === Verdict.admit) return this.#admitted(lease, ADMITTED)
    if (verdict === Verdict.admitBorrowed) return this.#admitted(lease, BORROWED)
    if (verdict === Verdict.refuse) return this.#refused(lease, nowMs)
    if (verdict === Verdict.unreachable) return this.#unreachable(known, lease, nowMs)
    const outcome = await this.#wait(line, lease, waiter.promise, nowMs, route.policy.maxWaitMs, messenger)
    switch (outcome) {
      case 'admitted':
        return this.#admitted(lease, ADMITTED)
      case 'borrowed':
        return this.#admitted(lease, BORROWED)
      case 'gone':
      case 'refused':
        return this.#refused(lease, Date.now())
      case 'unreachable':
        return this.#unreachable(known, lease, Date.now())
      case 'moved':
        return 'moved'
    }
  }

  /**
   * Waits for the outcome with timers of this request alone: another request's timer may be gone with its
   * client. Whoever wakes up first asks the node for all.
   */
  async #wait(
    line: NodeLine,
    lease: Lease,
    outcome: Promise<Outcome>,
    fromMs: number,
    maxWaitMs: number,
    messenger: Messenger,
  ): Promise<Outcome> {
    const deadlineMs = fromMs + Math.max(maxWaitMs, this.#limits.book.answerMs)
    for (;;) {
      const nowMs = Date.now()
      const pause = sleep(Math.max(1, Math.min(deadlineMs, Math.max(lease.askAtMs, nowMs + POLL_MS)) - nowMs))
      const ended = await Promise.race([outcome, pause.done])
      pause.cancel()
      if (ended !== undefined) return ended
      this.#book.expire(lease, Date.now())
      if (this.#book.messageDue(line, lease, Date.now())) {
        startRefill(this.#book, line, messenger, this.#limits.messageMs)
      }
    }
  }

  #leaseOf(line: NodeLine, known: KnownRoute): Lease {
    const { route } = known
    const lease = this.#book.lease(line, route.tenant, undefined, route.epoch)
    if (lease.session === '') {
      lease.baseTokens = known.baseTokens
      lease.roundMs = route.roundMs
    }
    return lease
  }

  #admitted(lease: Lease, admission: Admission): Admission {
    lease.admitted++
    return admission
  }

  #refused(lease: Lease, nowMs: number): Admission {
    lease.refused++
    return { answer: overQuota(lease.askAtMs - nowMs) }
  }

  /** The node does not answer: the tenant's own setting decides. */
  #unreachable(known: KnownRoute, lease: Lease, nowMs: number): Admission {
    const { whenUnreachable } = known.route.policy
    const admit =
      whenUnreachable === 'open' ||
      (whenUnreachable === 'guarantee' && lease.takeGuaranteed(known.costPerRequest, nowMs))
    if (!admit) {
      lease.refused++
      return { answer: unavailable('node-unreachable', 'the machine of this tenant does not answer', 1_000) }
    }
    lease.unreachable++
    return this.#admitted(lease, ADMITTED)
  }

  #messenger(env: Env, execution: Execution): Messenger {
    return {
      node: (name) => env.NODES.get(env.NODES.idFromName(name)),
      waitUntil: (work) => execution.waitUntil(work),
      moved: (line, moved) => this.#moved(line, moved, env),
    }
  }

  /** A node no longer serves these tenants: their routes are read anew, their leases go along. */
  async #moved(line: NodeLine, moved: readonly Moved[], env: Env): Promise<void> {
    for (const { tenant } of moved) {
      const route = await coordinatorOf(env).resolveTenant(tenant)
      for (const host of route?.policy.hosts ?? []) this.#directory.forget(host)
      if (route?.node === undefined || route.node === line.node) continue
      this.#book.move(line, this.#book.line(route.node), tenant, route.epoch)
    }
  }
}

function coordinatorOf(env: Env) {
  return env.COORDINATOR.get(env.COORDINATOR.idFromName(COORDINATOR_NAME))
}
