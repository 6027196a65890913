import type { AccountReport } from '../../../src/core/messages.ts'
import { COUNTED, type Counts } from '../faults/model.ts'

interface HeardSession {
  readonly edge: string
  counts: Counts
}

/** Counters of nothing. */
export function noCounts(): Counts {
  return { used: 0, admitted: 0, refused: 0, unreachable: 0 }
}

/** `to` and what `counts` says together. */
export function addCounts(to: Counts, counts: Counts, sign = 1): Counts {
  for (const counter of COUNTED) to[counter] += sign * counts[counter]
  return to
}

/**
 * What one account has heard, told without the code of a node: the largest totals of every session ever. It
 * goes where the account goes. A takeover starts from the sum of what was heard before: its account knows
 * none of the sessions behind it.
 */
export class AccountHeard {
  /** Epoch of the last takeover, 0 for none: sessions handed out before it mean nothing here. */
  readonly lineage: number
  readonly #before: Counts
  readonly #sessions: Map<string, HeardSession>

  constructor(lineage = 0, before = noCounts(), sessions = new Map<string, HeardSession>()) {
    this.lineage = lineage
    this.#before = before
    this.#sessions = sessions
  }

  copy(): AccountHeard {
    return new AccountHeard(this.lineage, this.#before, new Map(this.#sessions))
  }

  /** The account of a takeover that starts from this state. */
  takenOver(epoch: number): AccountHeard {
    return new AccountHeard(epoch, this.sum())
  }

  hear(edge: string, report: AccountReport): void {
    const known = this.#sessions.get(report.session)?.counts ?? noCounts()
    const counts = { ...known }
    for (const counter of COUNTED) counts[counter] = Math.max(known[counter], report[counter])
    this.#sessions.set(report.session, { edge, counts })
  }

  /** Σ over the sessions of what was heard beyond what was granted. */
  beyond(granted: ReadonlyMap<string, number>): number {
    let sum = 0
    for (const [id, { counts }] of this.#sessions) sum += Math.max(0, counts.used - (granted.get(id) ?? 0))
    return sum
  }

  /** Of all edges, or of one since the last takeover. */
  sum(edge?: string): Counts {
    const sum = edge === undefined ? { ...this.#before } : noCounts()
    for (const heard of this.#sessions.values()) {
      if (edge === undefined || heard.edge === edge) addCounts(sum, heard.counts)
    }
    return sum
  }
}
