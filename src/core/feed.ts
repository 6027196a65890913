import type { JournalEvent } from './coordinator-api.ts'

/** A node as the live feed tells of it. Rates in tokens/s. */
export interface FeedNode {
  readonly name: string
  readonly phase: string
  readonly zone?: string
  readonly capacity: number
  /** Promised to its tenants. */
  readonly reserved: number
  readonly tenants: number
  readonly cordoned: boolean
  readonly draining: boolean
  /** Whether its node object answered the feed's last question. */
  readonly reachable: boolean
  readonly roundMs: number
  /** What is left of the round, tokens; 0 while unreachable. */
  readonly pool: number
  /** Tokens/s spent on it since it was asked before; null before the second answer. */
  readonly spent: number | null
  /** What its power curve says of that load, or of standby; null without a curve or before the second answer. */
  readonly watts: number | null
}

/** A device of a tenant as the live feed tells of it; amounts and totals as of {@link FeedTenant}. */
export interface FeedDevice {
  readonly name: string
  readonly base: number
  readonly balance: number
  readonly spentTotal: number
  readonly borrowedTotal: number
  readonly admitted: number
  readonly refused: number
}

/** A tenant as the live feed tells of it. Amounts in tokens per round, totals since the account was opened. */
export interface FeedTenant {
  readonly name: string
  /** Absent while it is not placed, and for readers who are tenants. */
  readonly node?: string
  readonly epoch: number
  readonly base: number
  /** The lowest of the last looks, since a round begins with the base again. Below 0: negative tokens. */
  readonly balance: number
  readonly owed: number
  readonly granted: number
  readonly wanted: number
  /** Of its base, what others have in use now. */
  readonly lent: number
  readonly spentTotal: number
  readonly borrowedTotal: number
  readonly admitted: number
  readonly refused: number
  readonly unreachable: number
  readonly shadowed: number
  /** Edges that hold a lease of it. */
  readonly edges: number
  /** Absent without devices, and beyond {@link FEED_LIMITS}.devices. */
  readonly devices?: readonly FeedDevice[]
}

/** How placing is doing, for the metrics. */
export interface PlacingSummary {
  /** Migrations under way, and those that ended and are kept. */
  readonly migrations: { readonly open: number; readonly ended: number }
  /** The newest plan; null before the first. */
  readonly plan: {
    readonly id: number
    readonly moves: number
    /** Share by which each term is above its lower bound; null where the bound is 0. */
    readonly distance: Readonly<Record<string, number | null>>
  } | null
}

/** Everything the feed knows at one moment. */
export interface FeedSnapshot {
  readonly atMs: number
  readonly placing: PlacingSummary
  /** Revision of the coordinator's store. */
  readonly revision: number
  readonly nodes: readonly FeedNode[]
  readonly tenants: readonly FeedTenant[]
  /** Tenants beyond {@link FEED_LIMITS}.tenants, which are left out. */
  readonly leftOut: number
  /** Devices beyond {@link FEED_LIMITS}.devices, all in one; absent where none is. */
  readonly otherDevices?: FeedDevice
  /** The newest events, oldest first. */
  readonly events: readonly JournalEvent[]
}

/** What one message of the feed says: everything (`whole`), or what changed since the message before. */
export interface FeedMessage {
  readonly kind: 'feed'
  /** Grows by one per message; the page answers with it. */
  readonly seq: number
  readonly whole: boolean
  readonly atMs: number
  readonly revision: number
  readonly nodes: readonly FeedNode[]
  readonly tenants: readonly FeedTenant[]
  readonly leftOut: number
  readonly events: readonly JournalEvent[]
  /** Names that are no more; empty in a whole message. */
  readonly goneNodes: readonly string[]
  readonly goneTenants: readonly string[]
}

/** Who watches. */
export interface FeedViewer {
  readonly actor: string
  /** The tenant a viewer is confined to; absent for operators. */
  readonly tenant?: string
}

/** What no tenant and no device can be called: the sum of many. */
export const OTHERS = '_others'

/** Devices as one. */
export function sumOfDevices(devices: readonly FeedDevice[]): FeedDevice {
  const sum = { name: OTHERS, base: 0, balance: 0, spentTotal: 0, borrowedTotal: 0, admitted: 0, refused: 0 }
  for (const device of devices) {
    for (const key of ['base', 'balance', 'spentTotal', 'borrowedTotal', 'admitted', 'refused'] as const) {
      sum[key] += device[key]
    }
  }
  return sum
}

/** Bounds of the feed. */
export const FEED_LIMITS = {
  /** The nodes and the coordinator are asked so often while somebody watches, ms. */
  everyMs: 1_000,
  /** Up to so much longer, so that looks do not fall on the same moment of every round. */
  spreadMs: 400,
  viewers: 256,
  /** Of one tenant, so that its tokens cannot take every place. */
  viewersPerTenant: 8,
  /** Messages a viewer has not confirmed; beyond it is sent nothing until it has, and then the whole. */
  unconfirmed: 4,
  /** A viewer that confirms nothing for so long is sent away, ms. */
  silentMs: 60_000,
  /** Every viewer has to come back with a new ticket after so long, so that a revoked token ends, ms. */
  sessionMs: 600_000,
  ticketTtlMs: 30_000,
  tickets: 1_000,
  tenants: 5_000,
  /** Of all tenants together; a tenant whose devices do not fit in is told of without. */
  devices: 5_000,
  /** Nodes asked in one turn, so many at a time, each given so long. */
  nodesPerTurn: 64,
  parallel: 8,
  nodeTimeoutMs: 800,
  events: 200,
} as const

/** What others ask the object that keeps the feed. */
export interface FeedApi {
  /** A pass for one connection within {@link FEED_LIMITS}.ticketTtlMs; null when too many are open. */
  ticket(viewer: FeedViewer): Promise<string | null>
  /** The state at most {@link FEED_LIMITS}.everyMs old. */
  snapshot(): Promise<FeedSnapshot>
}

/** The protocol of the live stream, and what the page's ticket is called beside it. */
export const FEED_PROTOCOL = 'stint.feed.v1'
/** Prefix of the ticket among the offered protocols: a browser can set no other header, and URLs are logged. */
export const TICKET_PREFIX = 'ticket.'

/** A tenant as the coordinator places it, for the feed. */
export interface OverviewTenant {
  readonly name: string
  readonly node?: string
  readonly epoch: number
  readonly base: number
}

/** A node as the coordinator sees it, for the feed. */
export interface OverviewNode {
  readonly name: string
  readonly phase: string
  readonly zone?: string
  readonly capacity: number
  readonly reserved: number
  readonly tenants: number
  readonly cordoned: boolean
  readonly draining: boolean
  /** Watts at 0, 10 … 100 % load. */
  readonly watts?: readonly number[]
  /** Watts while it is in standby. */
  readonly standbyWatts?: number
}

/** All the feed needs of the coordinator, in one message. */
export interface Overview {
  readonly revision: number
  readonly nodes: readonly OverviewNode[]
  /** Null when the revision is the one the asker has. */
  readonly tenants: readonly OverviewTenant[] | null
  readonly leftOut: number
  readonly placing: PlacingSummary
  /** Events after the one the asker has, oldest first; the newest when it has none. */
  readonly events: readonly JournalEvent[]
}

/** What the asker of an {@link Overview} has already. */
export interface OverviewQuery {
  readonly revision: number | null
  readonly afterSeq: number | null
}

/** An event as a tenant may read it: without who caused it and what it says of the machines. */
export function eventForTenant({ actor: _, ...event }: JournalEvent): JournalEvent {
  return event.type === 'warning' ? { ...event, message: 'ask the operator' } : event
}
