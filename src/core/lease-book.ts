import { Lease, Verdict } from './lease.ts'
import { isMoved, type LeaseReply, type LeaseRequest, MESSAGE_VERSION, type Moved } from './messages.ts'
import { type Outcome, type Ticket, WaitQueue } from './wait-queue.ts'

/** First guess of the time a message takes there and back, until one was measured. */
const FIRST_ROUND_TRIP_MS = 50
/** Pause after the first message that was not answered; doubles up to the longest. */
const FIRST_BACK_OFF_MS = 100
const LONGEST_BACK_OFF_MS = 5_000

/** The leases an isolate has from one node, and the state of its one conversation with it. */
export class NodeLine {
  readonly node: string
  readonly leases = new Map<string, Lease>()
  /** When the message in flight was sent; undefined when none is. Messages to one node never overlap. */
  sentAtMs: number | undefined
  roundTripMs = FIRST_ROUND_TRIP_MS
  failures = 0
  /** While the node does not answer: not before this is it asked again. */
  retryAtMs = Number.NEGATIVE_INFINITY
  /** A report of what was used is planned for then, even if no message is needed for tokens. */
  reportDueAtMs = Number.NEGATIVE_INFINITY

  constructor(node: string) {
    this.node = node
  }

  get inFlight(): boolean {
    return this.sentAtMs !== undefined
  }
  /** The last message was not answered, and it is too early to ask again. */
  unreachable(nowMs: number): boolean {
    return this.failures > 0 && nowMs < this.retryAtMs
  }
}

/** A request as the book sees it. Costs in micro-tokens. */
export interface Ask {
  readonly cost: number
  /** How long it may wait for tokens; 0: only for the node's word. */
  readonly maxWaitMs: number
  readonly urgency: number
  readonly bytes: number
  /** Called once if the verdict was `join`. */
  settle(outcome: Outcome): void
}

/** Bounds of an isolate's book. */
export interface BookLimits {
  readonly accountsPerMessage: number
  readonly waitingPerAccount: number
  readonly waitingBytesPerAccount: number
  /** How long a request waits for the node's word, milliseconds. */
  readonly answerMs: number
}

/** Bounds that suit an isolate of 128 MiB. */
export const BOOK_LIMITS: BookLimits = {
  accountsPerMessage: 1_000,
  waitingPerAccount: 1_000,
  waitingBytesPerAccount: 4 * 1024 * 1024,
  answerMs: 2_000,
}

/**
 * The edge's side of leases: one book per isolate, one line per node, one lease per account. Pure: the
 * shell sends what {@link compose} writes, brings back what came, and tells the time.
 */
export class LeaseBook {
  readonly #edge: string
  readonly #lines = new Map<string, NodeLine>()
  readonly #limits: BookLimits
  readonly #queues = new Map<Lease, WaitQueue>()

  /** @param edge id of the isolate, unique for its life. */
  constructor(edge: string, limits: BookLimits = BOOK_LIMITS) {
    this.#edge = edge
    this.#limits = limits
  }

  get lines(): Iterable<NodeLine> {
    return this.#lines.values()
  }

  /** The line to a node, opened on first use. */
  line(node: string): NodeLine {
    let line = this.#lines.get(node)
    if (line === undefined) {
      line = new NodeLine(node)
      this.#lines.set(node, line)
    }
    return line
  }

  /** The lease of an account on a line, opened on first use. */
  lease(line: NodeLine, tenant: string, device: string | undefined, epoch: number): Lease {
    const key = keyOf(tenant, device)
    let lease = line.leases.get(key)
    if (lease === undefined) {
      lease = new Lease(tenant, device, epoch)
      line.leases.set(key, lease)
    }
    return lease
  }

  /** Takes a tenant's leases from one line to another: its sessions have moved with it. */
  move(from: NodeLine, to: NodeLine, tenant: string, epoch: number): void {
    for (const lease of leasesOf(from, tenant)) {
      const key = keyOf(lease.tenant, lease.device)
      from.leases.delete(key)
      lease.epoch = epoch
      if (!to.leases.has(key)) to.leases.set(key, lease)
    }
  }

  /**
   * Writes the next message to a node, about every account with news; undefined while one is in flight
   * or there is nothing to say.
   */
  compose(line: NodeLine, nowMs: number): LeaseRequest | undefined {
    if (line.inFlight) return undefined
    const accounts = []
    for (const lease of line.leases.values()) {
      if (!lease.hasNews) continue
      accounts.push(lease.report(nowMs))
      if (accounts.length >= this.#limits.accountsPerMessage) break
    }
    if (accounts.length >= this.#limits.accountsPerMessage) toTheEnd(line, accounts)
    if (accounts.length === 0) return undefined
    line.sentAtMs = nowMs
    return { version: MESSAGE_VERSION, edge: this.#edge, accounts }
  }

  /**
   * Takes in the answer to the message in flight: waiting requests get their seats first, what is left is
   * for those that come.
   *
   * @returns the tenants that live elsewhere; what waited for them is told `moved` and asks again.
   */
  settle(line: NodeLine, reply: LeaseReply, nowMs: number): Moved[] {
    const sentAtMs = line.sentAtMs
    if (sentAtMs === undefined) return []
    line.sentAtMs = undefined
    line.failures = 0
    const roundTripMs = Math.max(0, nowMs - sentAtMs)
    line.roundTripMs += (roundTripMs - line.roundTripMs) / 4
    const moved: Moved[] = []
    for (const entry of reply.accounts) {
      if (isMoved(entry)) {
        moved.push(entry)
        for (const lease of leasesOf(line, entry.tenant)) this.#abandon(lease, 'moved')
        continue
      }
      const lease = line.leases.get(keyOf(entry.tenant, entry.device))
      if (lease === undefined) continue
      lease.settle(entry, sentAtMs, line.roundTripMs)
      this.#serve(lease, nowMs)
    }
    return moved
  }

  /** The message in flight was not answered: ask again later, ever more seldom. */
  fail(line: NodeLine, nowMs: number): void {
    line.sentAtMs = undefined
    const pauseMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** line.failures)
    line.failures++
    line.retryAtMs = nowMs + pauseMs
    for (const lease of line.leases.values()) this.#abandon(lease, 'unreachable')
  }

  /** Decides on a request. On `join` it waits, and its `settle` is called later. */
  admit(line: NodeLine, lease: Lease, ask: Ask, nowMs: number): Verdict {
    const canWait = ask.maxWaitMs > 0 && lease.askAtMs <= nowMs + ask.maxWaitMs
    const verdict = lease.admit(ask.cost, nowMs, line.inFlight, canWait)
    if (verdict !== Verdict.join) return verdict
    if (line.failures > 0) return Verdict.unreachable
    const ticket: Ticket = {
      cost: ask.cost,
      urgency: ask.urgency,
      bytes: ask.bytes,
      patienceMs: nowMs + ask.maxWaitMs,
      deadlineMs: nowMs + Math.max(ask.maxWaitMs, this.#limits.answerMs),
      settle: ask.settle,
    }
    return this.#queue(lease).push(ticket) ? Verdict.join : Verdict.refuse
  }

  /** Whether a message should go out now: none is in flight, the node is not being spared, and one is due. */
  messageDue(line: NodeLine, lease: Lease, nowMs: number): boolean {
    // Whoever sent it may be gone together with its request: nobody else would ever give it up.
    if (line.inFlight && nowMs - line.sentAtMs! > 2 * this.#limits.answerMs) this.fail(line, nowMs)
    if (line.inFlight || line.unreachable(nowMs)) return false
    return lease.refillDue(nowMs)
  }

  /** Whether requests wait on a line that the node may be asked for now. */
  someoneWaits(line: NodeLine, nowMs: number): boolean {
    for (const lease of line.leases.values()) if (lease.waiting > 0 && nowMs >= lease.askAtMs) return true
    return false
  }

  /** Lets those go whose patience or deadline is over; the shell's timers call it. */
  expire(lease: Lease, nowMs: number): void {
    this.#serve(lease, nowMs)
  }

  #abandon(lease: Lease, outcome: 'unreachable' | 'moved'): void {
    const queue = this.#queues.get(lease)
    this.#queues.delete(lease)
    queue?.abandon(outcome)
  }

  #serve(lease: Lease, nowMs: number): void {
    const queue = this.#queues.get(lease)
    if (queue === undefined) return
    queue.serve(nowMs)
    if (queue.count === 0) this.#queues.delete(lease)
  }

  #queue(lease: Lease): WaitQueue {
    let queue = this.#queues.get(lease)
    if (queue === undefined) {
      queue = new WaitQueue(lease, this.#limits.waitingPerAccount, this.#limits.waitingBytesPerAccount)
      this.#queues.set(lease, queue)
    }
    return queue
  }
}

/** Names hold no slash, so two different accounts never share a key. */
function keyOf(tenant: string, device: string | undefined): string {
  return device === undefined ? tenant : `${tenant}/${device}`
}

/** A tenant's leases on a line: its own, or one per device. */
function leasesOf(line: NodeLine, tenant: string): Lease[] {
  return Array.from(line.leases.values()).filter((lease) => lease.tenant === tenant)
}

/** Lets those go first next time that a full message left out. */
function toTheEnd(line: NodeLine, accounts: readonly { tenant: string; device?: string }[]): void {
  for (const { tenant, device } of accounts) {
    const key = keyOf(tenant, device)
    const lease = line.leases.get(key)!
    line.leases.delete(key)
    line.leases.set(key, lease)
  }
}
