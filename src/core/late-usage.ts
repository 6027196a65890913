/**
 * The account's side of a forced takeover. The heir begins with the last state the coordinator was told, all that
 * was outstanding in it presumed spent; what was counted beyond it comes in late and from two sides: edges report
 * their sessions to the heir, and the node that was passed over hands in what it had when it is back. Totals are
 * running totals per session, so the larger counts and nothing counts twice.
 */

import type { Totals } from './messages.ts'
import type { Desk, DeskRow, LapsedSession } from './session.ts'
import type { TenantRow } from './tenancy.ts'
import { COUNTERS, larger, NO_TOTALS, noUsage, type Usage } from './usage.ts'

/** A moment of a node: sessions numbered `opened` and above in its life `life`, and all of later lives, come after. */
interface Point {
  readonly life: number
  readonly opened: number
}

/**
 * A node that was passed over, and how far the heir knows its sessions: those that come after are not in the state
 * the heir began with, those from `until` on, when the tenant was home again, are the account's own.
 */
export interface Inherited extends Point {
  readonly node: string
  readonly until?: Point
}

/** What a node that was passed over has counted beyond the state its heir began with. */
export interface HandedIn {
  /** Names it for ever: it is booked once, however often it is said. */
  readonly id: string
  /** Who has handed it in: all its sessions are in `to`, or were booked long ago. */
  readonly node: string
  readonly from: TenantRow
  readonly to: TenantRow
}

/** A desk nothing was ever reported at. */
export const EMPTY_DESK: DeskRow = { usage: noUsage(), sessions: [], lapsed: [] }

/** The row of an account that was never used. */
export function freshRow(tenant: string, epoch: number): TenantRow {
  return { tenant, epoch, owedTokens: 0, spentTotal: 0, borrowedTotal: 0, desk: EMPTY_DESK, devices: [] }
}

/**
 * The row an heir begins with: every session is over and what it held is presumed spent. The traces are kept until
 * the node that was passed over has handed in what it had, or later reports could not be told from its counts.
 */
export function presumeRowSpent(row: TenantRow): TenantRow {
  const devices = row.devices.map((device) => ({ ...device, desk: presumeDeskSpent(device.desk) }))
  return { ...row, desk: presumeDeskSpent(row.desk), devices }
}

function presumeDeskSpent(desk: DeskRow): DeskRow {
  const lapsed = Array.from(tracesOf(desk), ([id, { totals, presumed }]) => {
    return { id, totals, presumed, forgetAtMs: 0, stale: true, kept: true as const }
  })
  return { usage: { ...desk.usage, presumed: presumedOf(desk) }, sessions: [], lapsed }
}

/** The row with nodes whose unknown sessions are booked from zero; one that is away already stays as it is. */
export function inheritFrom(row: TenantRow, nodes: readonly Inherited[]): TenantRow {
  const known = row.inherited ?? []
  const added = nodes.filter(({ node }) => !known.some((each) => each.node === node && !each.until))
  return added.length === 0 ? row : { ...row, inherited: [...known, ...added] }
}

/** Whether a session, by its {@link startOf}, is one of a passed-over node that the heir has not heard of yet. */
export function isInherited(inherited: readonly Inherited[], at: Inherited): boolean {
  return inherited.some(
    (from) => from.node === at.node && isAfter(at, from) && !(from.until && isAfter(at, from.until)),
  )
}

/** The node that opened a session, and the point from which on. */
export function startOf(session: string): Inherited {
  const dot = session.lastIndexOf('.')
  const colon = session.lastIndexOf(':', dot)
  return {
    node: session.slice(0, colon),
    life: Number(session.slice(colon + 1, dot)),
    opened: Number(session.slice(dot + 1)),
  }
}

function isAfter({ life, opened }: Point, from: Point): boolean {
  return life === from.life ? opened >= from.opened : life > from.life
}

const NO_TRACE = { totals: NO_TOTALS, presumed: 0 }

/** Books at one desk what the passed-over node counted at its own between two states of it. */
export function bookHandedIn(desk: Desk, from: DeskRow, to: DeskRow, forgetAtMs: number): void {
  const { usage } = desk
  for (const counter of ['spent', ...COUNTERS] as const)
    usage[counter] += to.usage[counter] - from.usage[counter]
  usage.presumed += presumedOf(to) - presumedOf(from)
  const before = tracesOf(from)
  for (const [id, its] of tracesOf(to)) {
    const known = before.get(id) ?? NO_TRACE
    const here = desk.lapsed.get(id) ?? known
    uncountTwice(usage, known.totals, here.totals, its.totals)
    const totals = larger(here.totals, its.totals)
    const reportedHere =
      totals.used - its.totals.used - Math.max(0, totals.guaranteed - its.totals.guaranteed)
    const presumed = Math.max(0, its.presumed - Math.max(0, reportedHere))
    usage.presumed += presumed - its.presumed - (here.presumed - known.presumed)
    desk.lapsed.set(id, { id, totals, presumed, forgetAtMs, stale: true })
  }
}

/** What both sides have counted of one session beyond the state the heir began with. */
function uncountTwice(usage: Usage, known: Totals, here: Totals, its: Totals): void {
  const both = (counter: keyof Totals) => Math.max(0, Math.min(here[counter], its[counter]) - known[counter])
  usage.spent -= both('used')
  for (const counter of COUNTERS) usage[counter] -= both(counter)
}

/** What is presumed spent when every session that lives is over. */
function presumedOf({ usage, sessions }: DeskRow): number {
  return sessions.reduce((sum, { granted, totals }) => sum + granted - totals.used, usage.presumed)
}

/** The sessions of a desk as if all were over. */
function tracesOf({ sessions, lapsed }: DeskRow): Map<string, Pick<LapsedSession, 'totals' | 'presumed'>> {
  const traces = new Map<string, Pick<LapsedSession, 'totals' | 'presumed'>>()
  for (const { id, totals, presumed } of lapsed) traces.set(id, { totals, presumed })
  for (const { id, totals, granted } of sessions) traces.set(id, { totals, presumed: granted - totals.used })
  return traces
}
