import { Lease, type Verdict } from './lease.ts'
import { isMoved, type LeaseReply, type LeaseRequest, MESSAGE_VERSION, type Moved } from './messages.ts'

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

/** What {@link LeaseBook.settle} found in an answer. */
export interface Settled {
  readonly leases: readonly Lease[]
  readonly moved: readonly Moved[]
}

/**
 * The edge's side of leases: one book per isolate, one line per node, one lease per account. Pure: the
 * shell sends what {@link compose} writes, brings back what came, and tells the time.
 */
export class LeaseBook {
  readonly #edge: string
  readonly #lines = new Map<string, NodeLine>()
  readonly #maxAccountsPerMessage: number

  /** @param edge id of the isolate, unique for its life. */
  constructor(edge: string, maxAccountsPerMessage = 1_000) {
    this.#edge = edge
    this.#maxAccountsPerMessage = maxAccountsPerMessage
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

  /** Drops an account from a line: it lives elsewhere now. */
  drop(line: NodeLine, lease: Lease): void {
    line.leases.delete(keyOf(lease.tenant, lease.device))
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
      if (accounts.length >= this.#maxAccountsPerMessage) break
    }
    if (accounts.length >= this.#maxAccountsPerMessage) toTheEnd(line, accounts)
    if (accounts.length === 0) return undefined
    line.sentAtMs = nowMs
    return { version: MESSAGE_VERSION, edge: this.#edge, accounts }
  }

  /** Takes in the answer to the message in flight. */
  settle(line: NodeLine, reply: LeaseReply, nowMs: number): Settled {
    const sentAtMs = line.sentAtMs
    if (sentAtMs === undefined) return { leases: [], moved: [] }
    line.sentAtMs = undefined
    line.failures = 0
    const roundTripMs = Math.max(0, nowMs - sentAtMs)
    line.roundTripMs += (roundTripMs - line.roundTripMs) / 4
    const leases: Lease[] = []
    const moved: Moved[] = []
    for (const entry of reply.accounts) {
      if (isMoved(entry)) {
        moved.push(entry)
        continue
      }
      const lease = this.lease(line, entry.tenant, entry.device, entry.epoch)
      lease.settle(entry, sentAtMs, line.roundTripMs)
      leases.push(lease)
    }
    return { leases, moved }
  }

  /** The message in flight was not answered: ask again later, ever more seldom. */
  fail(line: NodeLine, nowMs: number): void {
    line.sentAtMs = undefined
    const pauseMs = Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** line.failures)
    line.failures++
    line.retryAtMs = nowMs + pauseMs
  }

  /** Decides on a request; see {@link Lease.admit}. */
  admit(line: NodeLine, lease: Lease, cost: number, nowMs: number, canWait: boolean): Verdict {
    return lease.admit(cost, nowMs, line.inFlight, canWait)
  }

  /** Whether a message should go out now: one is due, none is in flight and the node is not being spared. */
  refillDue(line: NodeLine, lease: Lease, nowMs: number): boolean {
    return !line.inFlight && lease.refillDue(nowMs) && !line.unreachable(nowMs)
  }
}

/** Names hold no slash, so two different accounts never share a key. */
function keyOf(tenant: string, device: string | undefined): string {
  return device === undefined ? tenant : `${tenant}/${device}`
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
