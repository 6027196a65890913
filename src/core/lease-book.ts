import { Lease, Verdict } from './lease.ts'
import { type LeaseReply, type LeaseRequest, MESSAGE_VERSION, type Moved } from './messages.ts'
import { NodeLine } from './node-line.ts'
import { type Outcome, type Ticket, WaitQueue, WaitRoom } from './wait-queue.ts'

export { NodeLine }

/** Pause after the first message that was not answered; doubles up to the longest. */
const FIRST_BACK_OFF_MS = 100
const LONGEST_BACK_OFF_MS = 5_000

/** A request as the book sees it. Costs in micro-tokens. */
export interface Ask {
  readonly cost: number
  /** How long it may wait for tokens; 0: only for the node's word. */
  readonly maxWaitMs: number
  readonly urgency: number
  readonly bytes: number
  /** Whether its client has left in the meantime; asked before it is given tokens. */
  gone?(nowMs: number): boolean
  /** Called once if the verdict was `join`. */
  settle(outcome: Outcome): void
}

/** Bounds of an isolate's book. */
export interface BookLimits {
  readonly accountsPerMessage: number
  readonly waitingPerAccount: number
  readonly waitingBytesPerAccount: number
  /** Of all accounts together; a few per account may wait beyond. */
  readonly waitingPerIsolate: number
  readonly waitingBytesPerIsolate: number
  /** How long a request waits for the node's word, milliseconds. */
  readonly answerMs: number
}

/** Bounds that suit an isolate of 128 MiB. */
export const BOOK_LIMITS: BookLimits = {
  accountsPerMessage: 1_000,
  waitingPerAccount: 1_000,
  waitingBytesPerAccount: 4 * 1024 * 1024,
  waitingPerIsolate: 10_000,
  waitingBytesPerIsolate: 32 * 1024 * 1024,
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
  readonly #leases = new Map<string, Lease>()
  readonly #room: WaitRoom
  #nowMs = Number.NEGATIVE_INFINITY

  /** @param edge id of the isolate, unique for its life. */
  constructor(edge: string, limits: BookLimits = BOOK_LIMITS) {
    this.#edge = edge
    this.#limits = limits
    this.#room = new WaitRoom(limits.waitingPerIsolate, limits.waitingBytesPerIsolate)
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

  /**
   * The lease of an account, opened on first use on the given line. An account has one lease per isolate: it
   * stays on the line of the newest epoch seen (`lease.line`), because its session moves with the tenant.
   */
  lease(line: NodeLine, tenant: string, device: string | undefined, epoch: number): Lease {
    const key = keyOf(tenant, device)
    let lease = this.#leases.get(key)
    if (lease === undefined) {
      lease = new Lease(tenant, device, epoch)
      lease.line = line
      this.#leases.set(key, lease)
      line.leases.set(key, lease)
    } else if (lease.line !== line && epoch > lease.epoch) this.#moveLease(lease, line, epoch)
    return lease
  }

  /** Takes a tenant's leases to the line of its new home, unless a newer one is known. */
  move(from: NodeLine, to: NodeLine, tenant: string, epoch: number): void {
    for (const lease of leasesOf(from, tenant)) if (epoch > lease.epoch) this.#moveLease(lease, to, epoch)
  }

  #moveLease(lease: Lease, to: NodeLine, epoch: number): void {
    const key = keyOf(lease.tenant, lease.device)
    lease.line.leases.delete(key)
    lease.line = to
    lease.epoch = epoch
    to.leases.set(key, lease)
  }

  /**
   * Writes the next message to a node, about every account with news; undefined while one is in flight
   * or there is nothing to say.
   */
  compose(line: NodeLine, nowMs: number): LeaseRequest | undefined {
    this.#advance(nowMs)
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
    line.flight++
    const origin = line.takeOrigin()
    return {
      version: MESSAGE_VERSION,
      edge: this.#edge,
      accounts,
      ...(origin === undefined ? {} : { origin }),
    }
  }

  /**
   * Takes in the answer to the message in flight: waiting requests get their seats first, what is left is
   * for those that come.
   *
   * @returns the tenants that live elsewhere; what waited for them is told `moved` and asks again.
   */
  settle(line: NodeLine, reply: LeaseReply, nowMs: number): Moved[] {
    this.#advance(nowMs)
    const sentAtMs = line.sentAtMs
    if (sentAtMs === undefined) return []
    line.sentAtMs = undefined
    line.failures = 0
    const roundTripMs = Math.min(nowMs - sentAtMs, this.#limits.answerMs)
    line.roundTripMs += (roundTripMs - line.roundTripMs) / 4
    const moved: Moved[] = []
    for (const entry of reply.accounts) {
      if ('moved' in entry) {
        moved.push(entry)
        for (const lease of leasesOf(line, entry.tenant)) this.#abandon(lease, 'moved')
        continue
      }
      const lease = line.leases.get(keyOf(entry.tenant, entry.device))
      if (lease === undefined) continue
      const epoch = lease.epoch
      lease.settle(entry, sentAtMs, line.roundTripMs)
      // Passed on by a node that the tenant has left: from now on its new home is asked.
      if (entry.home !== undefined && entry.home !== line.node && entry.epoch > epoch) {
        this.#moveLease(lease, this.line(entry.home), entry.epoch)
      }
      this.#serve(lease, nowMs)
    }
    return moved
  }

  /** The message in flight was not answered: ask again later, ever more seldom. */
  fail(line: NodeLine, nowMs: number): void {
    this.#advance(nowMs)
    line.sentAtMs = undefined
    const pauseMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** line.failures)
    line.failures++
    line.retryAtMs = nowMs + pauseMs
    for (const lease of line.leases.values()) this.#abandon(lease, 'unreachable')
  }

  /** Decides on a request. On `join` it waits, and its `settle` is called later. */
  admit(line: NodeLine, lease: Lease, ask: Ask, nowMs: number): Verdict {
    const verdict = this.decide(line, lease, ask.cost, ask.maxWaitMs, nowMs)
    if (verdict !== Verdict.join) return verdict
    return this.enqueue(lease, ask, nowMs) ? Verdict.join : Verdict.refuse
  }

  /** As {@link admit}, but allocates nothing: on `join` the caller calls {@link enqueue}. */
  decide(line: NodeLine, lease: Lease, cost: number, maxWaitMs: number, nowMs: number): Verdict {
    this.#advance(nowMs)
    const canWait = maxWaitMs > 0 && lease.askAtMs <= nowMs + maxWaitMs
    const verdict = lease.admit(cost, nowMs, line.inFlight, canWait)
    return verdict === Verdict.join && line.failures > 0 ? Verdict.unreachable : verdict
  }

  /** Lets a request wait whose verdict is `join`. @returns false when there is no place left. */
  enqueue(lease: Lease, ask: Ask, nowMs: number): boolean {
    const ticket: Ticket = {
      cost: ask.cost,
      urgency: ask.urgency,
      bytes: ask.bytes,
      patienceMs: nowMs + ask.maxWaitMs,
      deadlineMs: nowMs + Math.max(ask.maxWaitMs, this.#limits.answerMs),
      ...(ask.gone === undefined ? {} : { gone: (atMs: number) => ask.gone!(atMs) }),
      settle: (outcome) => ask.settle(outcome),
    }
    return this.#queue(lease).push(ticket)
  }

  /** How many requests wait for an account. */
  waitingCount(lease: Lease): number {
    return this.#queues.get(lease)?.count ?? 0
  }

  /** Whether a message should go out now: none is in flight, the node is not being spared, and one is due. */
  messageDue(line: NodeLine, lease: Lease, nowMs: number): boolean {
    this.#advance(nowMs)
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
    this.#advance(nowMs)
    this.#serve(lease, nowMs)
  }

  /**
   * Takes the caller's time. When the clock was set back, all that lies ahead moves back with it, and every
   * lease ends: nobody knows how long it has really run.
   */
  #advance(nowMs: number): void {
    const backMs = this.#nowMs - nowMs
    this.#nowMs = nowMs
    if (backMs <= 0) return
    for (const line of this.#lines.values()) line.setBack(backMs)
    for (const queue of this.#queues.values()) queue.setBack(backMs)
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
    const { waitingPerAccount, waitingBytesPerAccount } = this.#limits
    let queue = this.#queues.get(lease)
    if (queue === undefined) {
      queue = new WaitQueue(lease, waitingPerAccount, waitingBytesPerAccount, this.#room)
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
