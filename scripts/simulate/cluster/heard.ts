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
export function addCounts(to: Counts, counts: Counts): Counts {
  for (const counter of COUNTED) to[counter] += counts[counter]
  return to
}

/**
 * What one account has heard, told without the code of a node: the largest totals of every session ever. It
 * goes where the account goes; what a node that was passed over hands in later is added.
 */
export class AccountHeard {
  readonly #sessions: Map<string, HeardSession>

  constructor(sessions = new Map<string, HeardSession>()) {
    this.#sessions = sessions
  }

  copy(): AccountHeard {
    return new AccountHeard(new Map(this.#sessions))
  }

  /** Adds what another account has heard of the same and of other sessions. */
  add(other: AccountHeard): void {
    for (const [id, { edge, counts }] of other.#sessions) this.#note(id, edge, counts)
  }

  hear(edge: string, report: AccountReport): void {
    this.#note(report.session, edge, report)
  }

  /** Σ over the sessions of what was heard beyond what was granted. */
  beyond(granted: ReadonlyMap<string, number>): number {
    let sum = 0
    for (const [id, { counts }] of this.#sessions) sum += Math.max(0, counts.used - (granted.get(id) ?? 0))
    return sum
  }

  /** Of all edges, or of one. */
  sum(edge?: string): Counts {
    const sum = noCounts()
    for (const heard of this.#sessions.values()) {
      if (edge === undefined || heard.edge === edge) addCounts(sum, heard.counts)
    }
    return sum
  }

  #note(id: string, edge: string, totals: Counts): void {
    const known = this.#sessions.get(id)?.counts ?? noCounts()
    const counts = { ...known }
    for (const counter of COUNTED) counts[counter] = Math.max(known[counter], totals[counter])
    this.#sessions.set(id, { edge, counts })
  }
}
