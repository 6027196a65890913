import { type Lease, Verdict } from '../../../src/core/lease.ts'
import { BOOK_LIMITS, LeaseBook, type NodeLine } from '../../../src/core/lease-book.ts'
import type { LeaseReply, LeaseRequest, Moved } from '../../../src/core/messages.ts'
import type { Home } from '../../../src/core/migration/types.ts'
import type { Outcome } from '../../../src/core/wait-queue.ts'
import type { Events } from '../events.ts'
import type { SimClock } from '../faults/clock.ts'
import { accountKey, type Counts } from '../faults/model.ts'
import type { PlannedAccount } from '../faults/plan.ts'
import { addCounts, noCounts } from './heard.ts'

/** How a request ended; `guaranteed` was admitted without the node, `unavailable` found nobody to ask. */
export type RequestEnd = 'admitted' | 'refused' | 'guaranteed' | 'unreachable' | 'unavailable'

/** A request under way at an isolate. */
export interface OpenRequest {
  readonly account: PlannedAccount
  readonly cost: number
  readonly atMs: number
  moves: number
}

/** What surrounds an isolate. */
export interface IsolateWorld {
  readonly events: Events
  readonly clock: SimClock
  readonly roundMs: number
  /** A message unanswered for so long is given up, on the isolate's clock. */
  readonly callMs: number
  send(node: string, message: LeaseRequest, done: (reply: LeaseReply | undefined) => void): void
  resolve(tenant: string, done: (found: Home | undefined) => void): void
  onAdmitted(isolate: SimIsolate, lease: Lease, cost: number): void
  onEnd(isolate: SimIsolate, request: OpenRequest, end: RequestEnd): void
  onMoved(): void
}

/** How often a request follows a tenant that moves while it waits. */
const MAX_MOVES = 4
/** How often what waits looks after itself, ms. */
const POLL_MS = 100

/** One life of an edge isolate: the real lease book, and what the Worker's shell does with promises as events. */
export class SimIsolate {
  readonly id: string
  readonly book: LeaseBook
  readonly clock: SimClock
  /** Requests without an outcome yet. */
  readonly open = new Set<OpenRequest>()
  /** Until then the last failure to reach somebody may still be felt, simulated milliseconds. */
  touchedUntilMs = 0
  alive = true
  readonly #world: IsolateWorld
  readonly #routes = new Map<string, Home>()
  readonly #asking = new Map<string, (() => void)[]>()
  readonly #polled = new Set<Lease>()
  readonly #counts = new Map<string, Counts>()

  constructor(id: string, world: IsolateWorld) {
    this.id = id
    this.#world = world
    this.clock = world.clock
    this.book = new LeaseBook(id)
  }

  /** Every lease, wherever its tenant lives. */
  *leases(): Iterable<Lease> {
    for (const line of this.book.lines) yield* line.leases.values()
  }

  /** Whether nothing is being asked. */
  get isQuiet(): boolean {
    for (const line of this.book.lines) if (line.inFlight) return false
    return this.open.size === 0 && this.#asking.size === 0
  }

  /** Whether some node did not answer the last time it was asked. */
  get isTroubled(): boolean {
    for (const line of this.book.lines) if (line.failures > 0) return true
    return false
  }

  request(account: PlannedAccount, cost: number): void {
    const request = { account, cost, atMs: this.#world.events.nowMs, moves: 0 }
    this.open.add(request)
    this.#admit(request)
  }

  /** The isolate is gone: nothing it knew or waited for happens any more. */
  kill(): void {
    this.alive = false
  }

  /** What truly became of a tenant's requests here. */
  countsOf(tenant: string): Counts {
    let counts = this.#counts.get(tenant)
    if (counts === undefined) {
      counts = noCounts()
      this.#counts.set(tenant, counts)
    }
    return counts
  }

  #nowMs(): number {
    return this.clock.nowMs()
  }

  #after(delayMs: number, run: () => void): void {
    this.#world.events.after(this.clock.simulatedMs(delayMs), () => {
      if (this.alive) run()
    })
  }

  #admit(request: OpenRequest): void {
    const { tenant, device } = request.account
    const route = this.#routes.get(tenant)
    if (route === undefined) {
      this.#find(tenant, () => {
        if (this.#routes.has(tenant)) this.#admit(request)
        else this.#end(request, 'unavailable')
      })
      return
    }
    const { book } = this
    const lease = book.lease(book.line(route.node), tenant, device, route.epoch)
    if (lease.epoch > route.epoch) this.#refresh(tenant)
    if (lease.session === '') {
      lease.baseTokens = request.account.settings.baseTokens
      lease.roundMs = this.#world.roundMs
    }
    this.#decide(request, lease)
  }

  #decide(request: OpenRequest, lease: Lease): void {
    const { cost, account } = request
    const nowMs = this.#nowMs()
    const ask = {
      cost,
      maxWaitMs: account.maxWaitMs,
      urgency: 3,
      bytes: 0,
      settle: (outcome: Outcome) => this.#settled(request, lease, outcome),
    }
    const verdict = this.book.admit(lease.line, lease, ask, nowMs)
    if (verdict === Verdict.admit || verdict === Verdict.admitBorrowed) this.#admitted(request, lease)
    else if (verdict === Verdict.refuse) this.#refused(request, lease)
    else if (verdict === Verdict.unreachable) this.#unreachable(request, lease)
    this.#tend(lease)
    if (verdict === Verdict.join) this.#poll(lease)
  }

  #settled(request: OpenRequest, lease: Lease, outcome: Outcome): void {
    if (outcome === 'admitted' || outcome === 'borrowed') this.#admitted(request, lease)
    else if (outcome === 'refused' || outcome === 'gone') this.#refused(request, lease)
    else if (outcome === 'unreachable') this.#unreachable(request, lease)
    else if (request.moves++ >= MAX_MOVES) this.#end(request, 'unavailable')
    // The book is in the middle of an answer: the tenant is looked for when that has been taken in.
    else this.#after(0, () => this.#admit(request))
  }

  #admitted(request: OpenRequest, lease: Lease): void {
    lease.admitted++
    this.#world.onAdmitted(this, lease, request.cost)
    this.#end(request, 'admitted')
  }

  #refused(request: OpenRequest, lease: Lease): void {
    lease.refused++
    this.#end(request, 'refused')
  }

  /** `whenUnreachable: guarantee`. */
  #unreachable(request: OpenRequest, lease: Lease): void {
    if (lease.takeGuaranteed(request.cost, this.#nowMs())) {
      lease.unreachable++
      lease.admitted++
      this.#end(request, 'guaranteed')
    } else {
      lease.refused++
      this.#end(request, 'unreachable')
    }
  }

  #end(request: OpenRequest, end: RequestEnd): void {
    this.open.delete(request)
    const counts = this.countsOf(request.account.tenant)
    const more = noCounts()
    if (end === 'admitted' || end === 'guaranteed') {
      more.admitted++
      more.used += request.cost
    }
    if (end === 'refused' || end === 'unreachable') more.refused++
    if (end === 'guaranteed') more.unreachable++
    addCounts(counts, more)
    this.#world.onEnd(this, request, end)
  }

  /** Sends what is due: a message for more tokens, or later a report of what was used. */
  #tend(lease: Lease): void {
    const { line } = lease
    const nowMs = this.#nowMs()
    if (this.book.messageDue(line, lease, nowMs)) this.#refill(line)
    if (nowMs < line.reportDueAtMs) return
    const reportAfterMs = this.#world.roundMs / 2
    line.reportDueAtMs = nowMs + reportAfterMs
    this.#after(reportAfterMs, () => {
      if (!line.inFlight && !line.unreachable(this.#nowMs())) this.#refill(line)
    })
  }

  #refill(line: NodeLine): void {
    const message = this.book.compose(line, this.#nowMs())
    if (message === undefined) return
    const { flight } = line
    this.#world.send(line.node, message, (reply) => {
      if (!this.alive || line.flight !== flight || !line.inFlight) return
      if (reply === undefined) {
        this.book.fail(line, this.#nowMs())
        this.#reportLater(line)
        return
      }
      const moved = this.book.settle(line, reply, this.#nowMs())
      this.#follow(line, moved, () => {
        if (this.book.someoneWaits(line, this.#nowMs())) this.#refill(line)
        else this.#reportLater(line)
      })
    })
  }

  /** News that came while a message was under way go out with the next one. */
  #reportLater(line: NodeLine): void {
    for (const lease of line.leases.values()) if (lease.hasNews) this.#tend(lease)
  }

  /** Tenants that live elsewhere: where they were said to, or where the coordinator says. */
  #follow(line: NodeLine, moved: readonly Moved[], done: () => void): void {
    let open = 1
    const one = () => {
      open--
      if (open === 0) done()
    }
    const go = (tenant: string, { node, epoch }: Home) => {
      if (node === line.node) return
      const leases = [...line.leases.values()].filter((lease) => lease.tenant === tenant)
      this.book.move(line, this.book.line(node), tenant, epoch)
      for (const lease of leases) if (lease.line !== line) this.#tend(lease)
    }
    for (const { tenant, moved: home } of moved) {
      this.#world.onMoved()
      if (home.node !== undefined) {
        go(tenant, { node: home.node, epoch: home.epoch })
        continue
      }
      open++
      this.#routes.delete(tenant)
      this.#find(tenant, () => {
        const found = this.#routes.get(tenant)
        if (found !== undefined) go(tenant, found)
        one()
      })
    }
    one()
  }

  /** Asks the coordinator where a tenant lives, once for everybody who wants to know. */
  #find(tenant: string, done: () => void): void {
    const waiting = this.#asking.get(tenant)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const told = [done]
    this.#asking.set(tenant, told)
    this.#world.resolve(tenant, (found) => {
      if (!this.alive) return
      this.#asking.delete(tenant)
      if (found !== undefined) this.#routes.set(tenant, found)
      for (const tell of told) tell()
    })
  }

  #refresh(tenant: string): void {
    if (!this.#asking.has(tenant)) this.#find(tenant, () => undefined)
  }

  /** Looks after what waits for a lease, as the requests' own timers do. */
  #poll(lease: Lease): void {
    if (this.#polled.has(lease)) return
    this.#polled.add(lease)
    this.#after(Math.max(POLL_MS, Math.min(lease.askAtMs - this.#nowMs(), 1_000)), () => {
      this.#polled.delete(lease)
      if (lease.waiting === 0) return
      this.book.expire(lease, this.#nowMs())
      this.#tend(lease)
      if (lease.waiting > 0) this.#poll(lease)
    })
  }

  /** Longest time a request may be open, simulated milliseconds. */
  mostOpenMs({ maxWaitMs }: PlannedAccount): number {
    const one = Math.max(maxWaitMs, BOOK_LIMITS.answerMs) + this.#world.callMs + POLL_MS
    return 1.1 * one * (MAX_MOVES + 2)
  }

  /** Names a lease for people. */
  static nameOf({ tenant, device }: Lease): string {
    return accountKey(tenant, device)
  }
}
