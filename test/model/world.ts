/** The small instance that the model checker explores: its parts, as plain data. */

import type { NodeAnswer, NodeMessage, Placement, TenantRow } from '../../src/core/migration/index.ts'

/** Running totals of one session of the edge, as the ledger keeps them. */
export interface Session {
  readonly granted: number
  readonly used: number
}

/** The account that moves. Whole tokens; a request costs one. */
export interface Capsule {
  readonly balance: number
  /** Sum of all that was reported as used. */
  readonly usage: number
  readonly sessions: Readonly<Record<string, Session>>
}

/** A node: its durable row and account, and whether its lease to serve is live. */
export interface NodeState {
  readonly name: string
  readonly row: TenantRow<Capsule> | null
  readonly account: Capsule | null
  readonly serving: boolean
}

/** The edge: volatile altogether. */
export interface Edge {
  readonly incarnation: number
  readonly at: string
  readonly epoch: number
  readonly session: string | null
  readonly granted: number
  readonly used: number
  /** Whether a client waits for an answer. */
  readonly pending: boolean
  readonly requestsLeft: number
}

/** What really happened, kept outside of all parties: the invariants compare with it. */
export interface Audit {
  /** Tokens that were ever given to the tenant. */
  readonly supply: number
  readonly granted: number
  readonly booked: number
  readonly used: number
  /** Usage handed in late, booked at the coordinator. */
  readonly late: number
}

/** How often the disturbances may still happen. */
export interface Budget {
  readonly moves: number
  readonly aborts: number
  readonly takeovers: number
  readonly lapses: number
  readonly refills: number
  /** Tokens that are spent and booked at a node without an edge. */
  readonly works: number
  readonly edgeCrashes: number
}

/** An edge's question. */
export interface LeaseMessage {
  readonly kind: 'lease'
  readonly epoch: number
  readonly forwarded: boolean
  readonly session: string | null
  readonly incarnation: number
  readonly used: number
}

/** What an edge is answered. `unknown` is missing: the edge of the model may ask the directory at any time. */
export type LeaseAnswer =
  | {
      readonly kind: 'granted'
      readonly session: string
      readonly granted: number
      readonly node: string
      readonly epoch: number
    }
  | { readonly kind: 'moved'; readonly node: string; readonly epoch: number }

/** A message under way. */
export type Envelope =
  | { readonly to: 'coordinator'; readonly body: NodeAnswer<Capsule> }
  | { readonly to: 'edge'; readonly body: LeaseAnswer }
  | { readonly to: 'node'; readonly node: string; readonly body: NodeMessage<Capsule> | LeaseMessage }

/** One state of the instance. */
export interface World {
  readonly placement: Placement<Capsule>
  readonly nodes: readonly NodeState[]
  readonly edge: Edge
  readonly audit: Audit
  readonly budget: Budget
  /** All that was sent and may be delivered at any later time, any number of times, or never. */
  readonly net: readonly Envelope[]
}

/** The size of an instance. */
export interface Instance {
  readonly nodes: readonly string[]
  readonly tokens: number
  readonly requests: number
  readonly budget: Budget
  /** Whether everything a party sends may be lost by its crash between the write and the send. */
  readonly crashes: boolean
  /** Left out to keep an instance small: nodes that are full at times, tombstones that are forgotten. */
  readonly calm: boolean
}

/** Larger usage wins. */
export function latest(a: Capsule, b: Capsule): Capsule {
  return b.usage > a.usage ? b : a
}

/** Everything outstanding counts as spent; sessions end, their edges open new ones. */
export function presumeSpent(capsule: Capsule): Capsule {
  return { ...capsule, balance: 0, sessions: {} }
}
