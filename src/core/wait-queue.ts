import type { Lease } from './lease.ts'
import { Verdict } from './lease.ts'

/** How a waiting request ended. */
export type Outcome = 'admitted' | 'borrowed' | 'refused' | 'unreachable' | 'moved' | 'gone'

/** A request that waits at the edge. The shell makes it and is told the outcome once. */
export interface Ticket {
  readonly cost: number
  /** RFC 9218 urgency, 0 (first) … 7. */
  readonly urgency: number
  /** Bytes it keeps in memory while it waits. */
  readonly bytes: number
  /** Until then it may wait for tokens; a ticket that may not wait has its arrival time here. */
  patienceMs: number
  /** Until then it waits for the node's word. */
  deadlineMs: number
  /** Whether its client has left: then it takes no tokens and its place is free. */
  gone?(nowMs: number): boolean
  settle(outcome: Outcome): void
}

const URGENCIES = 8
/** So many may wait per account even when the isolate is full: a flood must not shut the others out. */
const RESERVED_PLACES = 16

/** What waits in all queues of an isolate together, and how much may. */
export class WaitRoom {
  readonly maxCount: number
  readonly maxBytes: number
  count = 0
  bytes = 0

  constructor(maxCount: number, maxBytes: number) {
    this.maxCount = maxCount
    this.maxBytes = maxBytes
  }
}

/**
 * What waits for the tokens of one lease: by urgency, then in order of arrival; bounded in count and
 * bytes. Keeps the lease's `waiting` and `first` true.
 */
export class WaitQueue {
  readonly lease: Lease
  readonly #lanes: Ticket[][] = Array.from({ length: URGENCIES }, () => [])
  readonly #maxCount: number
  readonly #maxBytes: number
  readonly #room: WaitRoom
  #count = 0
  #bytes = 0

  constructor(lease: Lease, maxCount: number, maxBytes: number, room = new WaitRoom(maxCount, maxBytes)) {
    this.lease = lease
    this.#maxCount = maxCount
    this.#maxBytes = maxBytes
    this.#room = room
  }

  get count(): number {
    return this.#count
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a ticket in; false when the queue is full. */
  push(ticket: Ticket): boolean {
    if (this.#count >= this.#maxCount || this.#bytes + ticket.bytes > this.#maxBytes) return false
    const room = this.#room
    const full = room.count >= room.maxCount || room.bytes + ticket.bytes > room.maxBytes
    if (full && this.#count >= RESERVED_PLACES) return false
    this.#lanes[ticket.urgency]!.push(ticket)
    this.#add(ticket, 1)
    return true
  }

  /**
   * Gives seats in order while the lease covers them, then lets those go that can wait no longer: for
   * tokens when the node has said "not before", for the node's word when their deadline has passed.
   */
  serve(nowMs: number): void {
    const lease = this.lease
    let open = true
    for (const lane of this.#lanes) {
      let kept = 0
      for (const ticket of lane) {
        if (ticket.gone?.(nowMs)) {
          this.#leave(ticket, 'gone')
          continue
        }
        const verdict = open ? lease.take(ticket.cost, nowMs, false) : Verdict.join
        if (verdict === Verdict.admit) this.#leave(ticket, 'admitted')
        else if (verdict === Verdict.admitBorrowed) this.#leave(ticket, 'borrowed')
        else {
          open = false
          if (lease.askAtMs > Math.max(nowMs, ticket.patienceMs)) this.#leave(ticket, 'refused')
          else if (nowMs >= ticket.deadlineMs) this.#leave(ticket, 'unreachable')
          else lane[kept++] = ticket
        }
      }
      lane.length = kept
    }
    this.#updateFirst()
  }

  /** Ends all waiting: the node does not answer, or no longer serves the account. */
  abandon(outcome: 'unreachable' | 'moved'): void {
    for (const lane of this.#lanes) {
      for (const ticket of lane) this.#leave(ticket, outcome)
      lane.length = 0
    }
    this.#updateFirst()
  }

  /** The isolate's clock was set back: nobody may wait the longer for it. */
  setBack(byMs: number): void {
    for (const lane of this.#lanes) {
      for (const ticket of lane) {
        ticket.patienceMs -= byMs
        ticket.deadlineMs -= byMs
      }
    }
  }

  #leave(ticket: Ticket, outcome: Outcome): void {
    this.#add(ticket, -1)
    ticket.settle(outcome)
  }

  #add(ticket: Ticket, sign: 1 | -1): void {
    this.#count += sign
    this.#bytes += sign * ticket.bytes
    this.#room.count += sign
    this.#room.bytes += sign * ticket.bytes
    this.lease.waiting += sign * ticket.cost
    if (sign === 1) this.#updateFirst()
  }

  #updateFirst(): void {
    this.lease.first = this.#lanes.find((lane) => lane.length > 0)?.[0]?.cost ?? 0
  }
}
