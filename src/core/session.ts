import type { Account } from './account.ts'
import type { AccountReport, Totals } from './messages.ts'
import { bookTotals, NO_TOTALS, noUsage, type Usage } from './usage.ts'

/** What one edge isolate and the node agree on about one account: running totals under an id. */
export interface Session {
  readonly id: string
  readonly edge: string
  /** Largest totals reported. */
  totals: Totals
  /** Micro-tokens granted, overdrafts that were reported included. */
  granted: number
  borrowed: number
  credit: number
  /** When the node presumes its grant spent, on the sessions' steady clock. */
  lapsesAtMs: number
}

/** A session that is over: what is left of it settles reports that come late, and nothing else. */
export interface LapsedSession {
  readonly id: string
  totals: Totals
  /** Micro-tokens presumed spent that no report has confirmed. */
  presumed: number
  /** When its traces go, on the sessions' steady clock. */
  forgetAtMs: number
  /** From before a restart: its grants are absorbed by the restarted round, so reports charge nothing. */
  readonly stale: boolean
  /** Inherited by a forced takeover: its traces stay until the node that was passed over has handed in its own. */
  readonly kept?: true
}

/** What of a session outlives a restart or moves with its tenant. */
export interface SessionRow {
  readonly id: string
  readonly edge: string
  readonly totals: Totals
  readonly granted: number
  readonly borrowed?: number
}

/** What of a desk outlives a restart or moves with its tenant. */
export interface DeskRow {
  readonly usage: Usage
  readonly sessions: readonly SessionRow[]
  readonly lapsed: readonly LapsedSession[]
}

/** How long the traces of a lapsed session are kept for late reports, milliseconds. */
export const KEEP_LAPSED_MS = 300_000
/** Most lapsed sessions kept per account; the oldest go first. */
const MAX_LAPSED = 256

/**
 * The sessions of one account on its node, and the usage they report: every reported token is counted
 * exactly once, whatever is lost, repeated or late.
 */
export class Desk {
  account: Account
  usage: Usage
  readonly sessions = new Map<string, Session>()
  readonly lapsed = new Map<string, LapsedSession>()
  /** Live sessions by edge: an edge has one. */
  readonly #byEdge = new Map<string, Session>()
  #credit = 0

  /** @param usage where it counts: counters of its own unless it shares another desk's. */
  constructor(account: Account, usage: Usage = noUsage()) {
    this.account = account
    this.usage = usage
  }

  /** The session of an edge, if it has one that lives. */
  ofEdge(edge: string): Session | undefined {
    return this.#byEdge.get(edge)
  }

  /** Opens a session that lapses after `silenceMs`; the caller has made sure that the edge has none. */
  open(id: string, edge: string, nowMs: number, silenceMs: number): Session {
    const session: Session = {
      id,
      edge,
      totals: NO_TOTALS,
      granted: 0,
      borrowed: 0,
      credit: 0,
      lapsesAtMs: nowMs + silenceMs,
    }
    this.sessions.set(id, session)
    this.#byEdge.set(edge, session)
    return session
  }

  /**
   * Books a report of a live session.
   *
   * What it admitted at its guaranteed rate, while the node was unreachable, counts as granted: it was due to
   * the tenant in rounds that are over, so it is spent but no debt.
   *
   * @returns micro-tokens spent beyond that (overdraft), to be charged to the account.
   */
  report(session: Session, report: AccountReport): { overdraft: number; demand: number } {
    const demand = Math.max(0, report.demand - session.totals.demand)
    session.granted += Math.max(0, report.guaranteed - session.totals.guaranteed)
    session.totals = bookTotals(this.usage, session.totals, report)
    const overdraft = Math.max(0, session.totals.used - session.granted)
    session.granted += overdraft
    return { overdraft, demand }
  }

  /** Books a late report. @returns micro-tokens beyond what was presumed, to be charged. */
  reportLate(lapsed: LapsedSession, report: Totals): { overdraft: number; demand: number } {
    const demand = Math.max(0, report.demand - lapsed.totals.demand)
    const guaranteed = Math.max(0, report.guaranteed - lapsed.totals.guaranteed)
    const used = Math.max(0, report.used - lapsed.totals.used - guaranteed)
    lapsed.totals = bookTotals(this.usage, lapsed.totals, report)
    const presumed = Math.min(used, lapsed.presumed)
    lapsed.presumed -= presumed
    this.usage.presumed -= presumed
    return { overdraft: lapsed.stale ? 0 : used - presumed, demand }
  }

  /**
   * Ends a session: what was granted and not reported is presumed spent, never reclaimed.
   *
   * @param stale it is from before a restart: the restarted round absorbs its grants, so late reports charge
   *   nothing.
   */
  lapse(session: Session, nowMs: number, stale = false): LapsedSession {
    this.sessions.delete(session.id)
    this.#byEdge.delete(session.edge)
    this.#credit -= session.credit
    const presumed = session.granted - session.totals.used
    this.usage.presumed += presumed
    const forgetAtMs = nowMs + KEEP_LAPSED_MS
    return this.#keep({ id: session.id, totals: session.totals, presumed, forgetAtMs, stale })
  }

  /** Notes a session that was opened after the last write before a restart, so that it is booked once. */
  adopt(id: string, nowMs: number, kept: boolean): LapsedSession {
    const forgetAtMs = nowMs + KEEP_LAPSED_MS
    const trace = { id, totals: NO_TOTALS, presumed: 0, forgetAtMs, stale: true }
    return this.#keep(kept ? { ...trace, kept } : trace)
  }

  /**
   * Gives a session its credit anew: at most `most`, and at most half the base over all sessions. None
   * while the account owes, and none while it is being refused: a flood would overdraw every round.
   */
  lendCredit(session: Session, most: number): void {
    const others = this.#credit - session.credit
    const half = Math.floor(this.account.baseTokens / 2)
    const none = this.account.owedTokens > 0 || this.account.refused
    session.credit = none ? 0 : Math.max(0, Math.min(most, half - others))
    this.#credit = others + session.credit
  }

  /** Lapses what was not heard of in time and forgets what lapsed long ago. @returns whether anything changed. */
  sweep(nowMs: number): boolean {
    let changed = false
    for (const session of this.sessions.values()) {
      if (nowMs <= session.lapsesAtMs) continue
      this.lapse(session, nowMs)
      changed = true
    }
    for (const lapsed of this.lapsed.values()) {
      const full = this.lapsed.size > MAX_LAPSED
      if (lapsed.kept && !full) continue
      if (nowMs <= lapsed.forgetAtMs && !full) break
      this.lapsed.delete(lapsed.id)
      changed = true
    }
    return changed
  }

  /** What must survive. */
  toRow(): DeskRow {
    const sessions = [...this.sessions.values()].map(({ id, edge, totals, granted, borrowed }) => ({
      id,
      edge,
      totals,
      granted,
      borrowed,
    }))
    return {
      usage: { ...this.usage },
      sessions,
      lapsed: [...this.lapsed.values()].map((row) => ({ ...row })),
    }
  }

  /** Takes over what survived a restart: its sessions are over, late reports will settle them. */
  restore(row: DeskRow, nowMs: number): void {
    this.resume(row, nowMs, 0)
    for (const session of this.sessions.values()) this.lapse(session, nowMs, true)
  }

  /** Takes over what moved here: sessions go on as they were, silence is counted anew. */
  resume(row: DeskRow, nowMs: number, silenceMs: number): void {
    Object.assign(this.usage, row.usage)
    this.#keepAnew(row.lapsed, nowMs)
    for (const { id, edge, totals, granted, borrowed } of row.sessions) {
      const session = this.open(id, edge, nowMs, silenceMs)
      session.totals = totals
      session.granted = granted
      session.borrowed = borrowed ?? 0
    }
  }

  /** Times of another life or node mean nothing here: traces from there are kept as long as new ones. */
  #keepAnew(rows: readonly LapsedSession[], nowMs: number): void {
    for (const lapsed of rows) this.#keep({ ...lapsed, forgetAtMs: nowMs + KEEP_LAPSED_MS })
  }

  #keep(lapsed: LapsedSession): LapsedSession {
    this.lapsed.set(lapsed.id, lapsed)
    return lapsed
  }
}
