import type { AccountReport, LeaseRequest } from '../../../src/core/messages.ts'

/** The counters that are kept exactly once. */
export const COUNTED = ['used', 'admitted', 'refused', 'unreachable'] as const
export type Counts = Record<(typeof COUNTED)[number], number>

/** Names an account in the model. */
export function accountKey(tenant: string, device: string | undefined): string {
  return device === undefined ? tenant : `${tenant}/${device}`
}

interface Heard extends Counts {
  readonly edge: string
}

/**
 * What a node has heard, told without the node's own code: the largest totals of every session ever. A
 * life begins with a copy of what was durable and loses what was not.
 */
export class HeardTotals {
  readonly #accounts: Map<string, Map<string, Heard>>

  constructor(from?: HeardTotals) {
    this.#accounts = new Map()
    for (const [key, sessions] of from === undefined ? [] : from.#accounts) {
      this.#accounts.set(key, new Map(Array.from(sessions, ([id, heard]) => [id, { ...heard }])))
    }
  }

  hear(request: LeaseRequest): void {
    for (const report of request.accounts) if (report.session !== '') this.#hearOne(request.edge, report)
  }

  #hearOne(edge: string, report: AccountReport): void {
    const key = accountKey(report.tenant, report.device)
    const sessions = this.#accounts.get(key) ?? new Map<string, Heard>()
    this.#accounts.set(key, sessions)
    const heard = sessions.get(report.session) ?? { edge, used: 0, admitted: 0, refused: 0, unreachable: 0 }
    sessions.set(report.session, heard)
    for (const counter of COUNTED) heard[counter] = Math.max(heard[counter], report[counter])
  }

  /** Sum over an account's sessions, of all edges or of one. */
  sum(key: string, edge?: string): Counts {
    const sum: Counts = { used: 0, admitted: 0, refused: 0, unreachable: 0 }
    for (const heard of this.#accounts.get(key)?.values() ?? []) {
      if (edge !== undefined && heard.edge !== edge) continue
      for (const counter of COUNTED) sum[counter] += heard[counter]
    }
    return sum
  }

  /** Σ over an account's sessions of what was heard beyond what was granted. */
  beyond(key: string, grantedOf: (session: string) => number): number {
    let sum = 0
    const sessions = this.#accounts.get(key)
    for (const [id, heard] of sessions ?? []) sum += Math.max(0, heard.used - grantedOf(id))
    return sum
  }
}

/** What truly happened to one account, over all edges and all lives of the node. Micro-tokens. */
export class AccountTruth {
  /** Asked of all edges. */
  askedTokens = 0
  /** Admitted by an edge's lease or credit, and apart from it in guarantee mode. */
  admittedTokens = 0
  guaranteedTokens = 0
  /** Booked by the ledger, in every life. */
  bookedTokens = 0
  /** What the node granted to each session, and the most it lent it. */
  readonly granted = new Map<string, number>()
  readonly credit = new Map<string, number>()

  /** Σ of `granted`. */
  grantedTokens = 0

  noteGrant(session: string, granted: number, credit: number): void {
    const before = this.granted.get(session) ?? 0
    this.grantedTokens += Math.max(0, granted - before)
    this.granted.set(session, Math.max(granted, before))
    this.credit.set(session, Math.max(credit, this.credit.get(session) ?? 0))
  }
}
