import type { Lease } from '../../src/core/lease.ts'
import { Verdict } from '../../src/core/lease.ts'
import { LeaseBook, type NodeLine } from '../../src/core/lease-book.ts'
import type { LeaseReply, LeaseRequest } from '../../src/core/messages.ts'

/** How a request ended at a simulated edge. */
export type Ended = 'admitted' | 'refused' | 'unreachable'

/** What the edge needs of the world: a clock of its own, timers, and a way to the node. */
export interface EdgeWorld {
  /** The edge's own clock, whole milliseconds. */
  nowMs(): number
  after(delayMs: number, run: () => void): void
  send(message: LeaseRequest, answer: (reply: LeaseReply) => void): void
  /** A message unanswered for so long is given up. */
  readonly deadlineMs: number
}

/** A request at a simulated edge. */
export interface EdgeRequest {
  readonly tenant: string
  readonly device?: string
  readonly cost: number
  readonly maxWaitMs: number
  /** Told once; `hop` says whether the request waited for an answer of the node. */
  done(ended: Ended, hop: boolean): void
}

/** Time after which an edge reports what it used even when it needs nothing, in rounds. */
const REPORT_AFTER_ROUNDS = 0.5

/** The real lease book in a simulated isolate. What the Worker's shell does with promises is events here. */
export class SimEdge {
  readonly book: LeaseBook
  readonly #line: NodeLine
  readonly #world: EdgeWorld
  #reportPlanned = false
  #alive = true
  #flight = 0

  constructor(id: string, world: EdgeWorld) {
    this.book = new LeaseBook(id)
    this.#line = this.book.line('node')
    this.#world = world
  }

  /** The isolate is gone: nothing it knew or waited for happens any more. */
  kill(): void {
    this.#alive = false
  }

  get line(): NodeLine {
    return this.#line
  }

  lease(tenant: string, device?: string): Lease {
    return this.book.lease(this.#line, tenant, device, 1)
  }

  request(request: EdgeRequest): void {
    const nowMs = this.#world.nowMs()
    const lease = this.lease(request.tenant, request.device)
    let waited = false
    const verdict = this.book.admit(
      this.#line,
      lease,
      {
        cost: request.cost,
        maxWaitMs: request.maxWaitMs,
        urgency: 3,
        bytes: 0,
        settle: (outcome) => {
          waited = true
          if (outcome === 'admitted' || outcome === 'borrowed') {
            lease.admitted++
            request.done('admitted', true)
          } else if (outcome === 'refused') this.#refuse(lease, request, true)
          else request.done('unreachable', true)
        },
      },
      nowMs,
    )
    if (verdict === Verdict.admit || verdict === Verdict.admitBorrowed) {
      lease.admitted++
      request.done('admitted', false)
    } else if (verdict === Verdict.refuse) this.#refuse(lease, request, false)
    else if (verdict === Verdict.unreachable) request.done('unreachable', false)
    else if (!waited) this.#planWakeUp(lease, request.maxWaitMs)
    if (this.book.messageDue(this.#line, lease, nowMs)) this.#sendMessage()
    this.#planReport()
  }

  #refuse(lease: Lease, request: EdgeRequest, hop: boolean): void {
    lease.refused++
    request.done('refused', hop)
  }

  #sendMessage(): void {
    const world = this.#world
    const message = this.book.compose(this.#line, world.nowMs())
    if (message === undefined) return
    const flight = ++this.#flight
    world.send(message, (reply) => {
      if (!this.#alive || flight !== this.#flight || !this.#line.inFlight) return
      this.book.settle(this.#line, reply, world.nowMs())
      this.#nextMessage()
    })
    world.after(world.deadlineMs, () => {
      if (!this.#alive || flight !== this.#flight || !this.#line.inFlight) return
      this.book.fail(this.#line, world.nowMs())
    })
  }

  /** What waits on and may be asked for now goes out with a message of its own, other news with the next. */
  #nextMessage(): void {
    const nowMs = this.#world.nowMs()
    for (const lease of this.#line.leases.values()) {
      if (lease.hasNews) this.#planReport()
      if (lease.waiting === 0) continue
      if (nowMs >= lease.askAtMs) {
        this.#sendMessage()
        return
      }
      this.#wakeAt(lease, lease.askAtMs)
    }
  }

  #planWakeUp(lease: Lease, maxWaitMs: number): void {
    if (lease.askAtMs > this.#world.nowMs()) this.#wakeAt(lease, lease.askAtMs)
    if (maxWaitMs > 0 && maxWaitMs < 1e9) this.#wakeAt(lease, this.#world.nowMs() + maxWaitMs + 1)
  }

  #wakeAt(lease: Lease, atMs: number): void {
    this.#world.after(atMs - this.#world.nowMs(), () => {
      if (!this.#alive || lease.waiting === 0) return
      const nowMs = this.#world.nowMs()
      this.book.expire(lease, nowMs)
      if (lease.waiting === 0) return
      // A timer and the clock need not agree: what still may not be asked for is looked at again.
      if (nowMs < lease.askAtMs) this.#wakeAt(lease, lease.askAtMs)
      else if (!this.#line.unreachable(nowMs)) this.#sendMessage()
    })
  }

  #planReport(): void {
    if (this.#reportPlanned) return
    this.#reportPlanned = true
    const first = this.#line.leases.values().next().value
    this.#world.after((first?.roundMs ?? 1000) * REPORT_AFTER_ROUNDS, () => {
      this.#reportPlanned = false
      if (!this.#alive || this.#line.unreachable(this.#world.nowMs())) return
      this.#sendMessage()
    })
  }
}
