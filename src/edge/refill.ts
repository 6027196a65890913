import type { NodeApi } from '../core/control.ts'
import type { LeaseBook, NodeLine } from '../core/lease-book.ts'
import type { LeaseReply, Moved } from '../core/messages.ts'
import { sleep } from './sleep.ts'

/** The part of the platform's execution context that the edge uses. */
export interface Execution {
  waitUntil(work: Promise<unknown>): void
}

/** How an isolate reaches a node object from within one request. */
export interface Messenger {
  /** A fresh stub: stubs of one request cannot be used in another. */
  node(name: string): Pick<NodeApi, 'lease'>
  /** Keeps work alive after the response. */
  waitUntil(work: Promise<unknown>): void
  /** Told of tenants that the node no longer serves; returns when their new home is known. */
  moved(line: NodeLine, moved: readonly Moved[]): Promise<void>
}

/** Most messages one request carries on with for others that wait. */
const MAX_MESSAGES_PER_REQUEST = 16

/**
 * Sends the next message of a line, if one is due, under the request that noticed. Nothing of the request
 * is shared with others: the answer goes into plain numbers, and waiting requests are told through
 * resolvers of their own.
 */
export function startRefill(book: LeaseBook, line: NodeLine, messenger: Messenger, messageMs: number): void {
  if (line.inFlight) return
  messenger.waitUntil(refill(book, line, messenger, messageMs))
}

async function refill(
  book: LeaseBook,
  line: NodeLine,
  messenger: Messenger,
  messageMs: number,
): Promise<void> {
  for (let sent = 0; sent < MAX_MESSAGES_PER_REQUEST; sent++) {
    const message = book.compose(line, Date.now())
    if (message === undefined) return
    const flight = line.flight
    const reply = await withDeadline(() => messenger.node(line.node).lease(message), messageMs)
    // Given up in the meantime by somebody who saw it hang: the answer is late and says nothing new.
    if (line.flight !== flight || !line.inFlight) return
    if (reply === undefined) {
      book.fail(line, Date.now())
      return
    }
    const moved = book.settle(line, reply, Date.now())
    if (moved.length > 0) await messenger.moved(line, moved)
    if (!book.someoneWaits(line, Date.now())) return
  }
}

/** The answer, or undefined when there is none: a call may fail at once, later, or never. */
async function withDeadline(
  call: () => Promise<LeaseReply>,
  messageMs: number,
): Promise<LeaseReply | undefined> {
  const deadline = sleep(messageMs)
  try {
    return await Promise.race([call(), deadline.done.then(() => undefined)])
  } catch {
    return undefined
  } finally {
    deadline.cancel()
  }
}

/** Reports what was used half a round from now, also when no message would otherwise go out. */
export function planReport(
  book: LeaseBook,
  line: NodeLine,
  messenger: Messenger,
  reportAfterMs: number,
  messageMs: number,
): void {
  const nowMs = Date.now()
  if (nowMs < line.reportDueAtMs) return
  line.reportDueAtMs = nowMs + reportAfterMs
  messenger.waitUntil(report(book, line, messenger, reportAfterMs, messageMs))
}

async function report(
  book: LeaseBook,
  line: NodeLine,
  messenger: Messenger,
  reportAfterMs: number,
  messageMs: number,
): Promise<void> {
  await sleep(reportAfterMs).done
  if (line.inFlight || line.unreachable(Date.now())) return
  await refill(book, line, messenger, messageMs)
}
