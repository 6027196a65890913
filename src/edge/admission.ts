import type { EdgeEnv, Limits } from '../config.ts'
import type { EdgeTally } from '../core/edge-tally.ts'
import { type Lease, Verdict } from '../core/lease.ts'
import { LeaseBook } from '../core/lease-book.ts'
import type { Outcome } from '../core/wait-queue.ts'
import type { Finder } from './finder.ts'
import type { KnownRoute, Share } from './known-route.ts'
import { type Execution, type Messenger, planReport, startRefill } from './refill.ts'
import { sleep } from './sleep.ts'

/** How long a request that waits sleeps before it looks for itself, and how much apart those behind it wake. */
const POLL_MS = 100
const SPREAD_MS = 4
const MAX_SPREAD_MS = 400
/** A client whose timer is so late has left, and its timers with it. */
const GRACE_MS = 1_000

/** Where a request's tokens come from. The lease's line changes when the tenant moves under a long answer. */
export interface Account {
  readonly known: KnownRoute
  readonly share: Share
  readonly lease: Lease
  readonly env: EdgeEnv
  readonly execution: Execution
}

/** What is asked of an account. */
export interface Demand {
  /** Micro-tokens. */
  readonly cost: number
  readonly maxWaitMs: number
  readonly urgency: number
  /** Memory it takes while it waits. */
  readonly bytes: number
}

/** The leases of one isolate, and how requests spend from them or wait. */
export class Admission {
  readonly #limits: Limits
  readonly #finder: Finder
  readonly #book: LeaseBook
  readonly #tally: EdgeTally

  constructor(limits: Limits, finder: Finder, tally: EdgeTally) {
    this.#tally = tally
    this.#limits = limits
    this.#finder = finder
    this.#book = new LeaseBook(crypto.randomUUID(), limits.book)
  }

  /** Opens the account of a route that is placed on a node. */
  account(known: KnownRoute, node: string, share: Share, env: EdgeEnv, execution: Execution): Account {
    const { route } = known
    const lease = this.#book.lease(this.#book.line(node), route.tenant, share.device, route.epoch)
    // The tenant has moved since the route was read: it is read again behind the scenes.
    if (lease.epoch > route.epoch) this.#finder.expire(route)
    if (lease.session === '') {
      lease.baseTokens = share.baseTokens
      lease.roundMs = route.roundMs
    }
    return { known, share, lease, env, execution }
  }

  /**
   * Decides at once. On `join` the caller goes on to {@link wait} or {@link observe}, which send what is due: a
   * message sent before the request waits would not ask for it, and cost it another round trip.
   */
  decide(account: Account, cost: number, maxWaitMs: number, nowMs: number): Verdict {
    const { lease } = account
    const verdict = this.#book.decide(lease.line, lease, cost, maxWaitMs, nowMs)
    if (verdict === Verdict.join) return verdict
    this.#tally.decidedAtOnce()
    this.tend(account, nowMs)
    return verdict
  }

  /** Sends what is due: a message for more tokens, or a report of what was used. */
  tend(account: Account, nowMs: number): void {
    const { lease, known } = account
    const { line } = lease
    if (this.#book.messageDue(line, lease, nowMs)) {
      startRefill(this.#book, line, this.#messenger(account), this.#limits.messageMs)
    }
    if (nowMs >= line.reportDueAtMs) {
      planReport(this.#book, line, this.#messenger(account), known.route.roundMs / 2, this.#limits.messageMs)
    }
  }

  /** Counts what the node's word on a request would be, without letting it wait (shadow mode). */
  observe(account: Account, demand: Demand): void {
    const { lease } = account
    const nowMs = Date.now()
    const settle = (outcome: Outcome) => {
      if (outcome === 'refused') lease.shadowed++
    }
    this.#book.enqueue(lease, { ...demand, maxWaitMs: 0, settle }, nowMs)
    this.tend(account, nowMs)
  }

  /**
   * Waits for tokens, with timers of this request alone: another request's timer may be gone with its client.
   * Whoever wakes up first asks the node for all; those behind wake a little later each. A client that leaves
   * takes its timers along, so that it stops showing that it is there, and its place is given up.
   */
  async wait(account: Account, demand: Demand): Promise<Outcome> {
    const beganMs = Date.now()
    this.#tally.beginWait()
    try {
      return await this.#wait(account, demand)
    } finally {
      this.#tally.endWait(Date.now() - beganMs)
    }
  }

  async #wait(account: Account, demand: Demand): Promise<Outcome> {
    const { lease } = account
    const waiter = Promise.withResolvers<Outcome>()
    let nowMs = Date.now()
    const deadlineMs = nowMs + Math.max(demand.maxWaitMs, this.#limits.book.answerMs)
    const spreadMs = Math.min(MAX_SPREAD_MS, this.#book.waitingCount(lease) * SPREAD_MS)
    let wakesAtMs = nowMs
    const gone = (atMs: number) => atMs > wakesAtMs + GRACE_MS
    const ask = { ...demand, gone, settle: waiter.resolve }
    const placed = this.#book.enqueue(lease, ask, nowMs)
    this.tend(account, nowMs)
    if (!placed) return 'refused'
    for (;;) {
      const pauseMs = Math.max(POLL_MS, Math.min(lease.askAtMs - nowMs, 1_000)) + spreadMs
      wakesAtMs = Math.min(deadlineMs, nowMs + pauseMs)
      const pause = sleep(Math.max(1, wakesAtMs - nowMs))
      const ended = await Promise.race([waiter.promise, pause.done])
      pause.cancel()
      if (ended !== undefined) return ended
      nowMs = Date.now()
      wakesAtMs = nowMs
      if (nowMs >= deadlineMs) this.#book.expire(lease, nowMs)
      this.tend(account, nowMs)
    }
  }

  #messenger({ env, execution }: Account): Messenger {
    return {
      node: (name) => {
        this.#tally.messages++
        return env.NODES.get(env.NODES.idFromName(name))
      },
      waitUntil: (work) => execution.waitUntil(work),
      moved: async (line, moved) => {
        const told = moved.flatMap(({ tenant, moved: home }) =>
          home.node === undefined ? [] : [{ tenant, node: home.node, epoch: home.epoch }],
        )
        const lost = moved.filter(({ moved: home }) => home.node === undefined)
        const found = lost.length === 0 ? [] : await this.#finder.whereabouts(lost, env)
        for (const { tenant, node, epoch } of [...told, ...found]) {
          if (node !== line.node) this.#book.move(line, this.#book.line(node), tenant, epoch)
        }
      },
    }
  }
}
