/** Version of the messages between edge, node and coordinator. Parsers take this one and the one before. */
export const MESSAGE_VERSION = 1

/**
 * Running totals of one session, so that repeating, losing or reordering a message changes nothing: the
 * node books the difference to the largest it has seen. Tokens are micro-tokens.
 */
export interface Totals {
  /** Tokens spent, overdraft included. */
  readonly used: number
  /** Of `used`, what was admitted at the guaranteed rate while the node could not be reached. */
  readonly guaranteed: number
  /** Tokens asked for, admitted or not. */
  readonly demand: number
  /** Requests admitted. */
  readonly admitted: number
  /** Requests refused (429), those refused without a message included. */
  readonly refused: number
  /** Requests admitted while the node could not be reached. */
  readonly unreachable: number
  /** Requests that would have been refused, of a tenant in shadow mode. */
  readonly shadowed: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** What one edge isolate tells the node about one tenant, or one device of a tenant. */
export interface AccountReport extends Totals {
  readonly tenant: string
  readonly device?: string
  /** Epoch of the placement the edge knows. */
  readonly epoch: number
  /** The session the totals belong to; empty before the node has handed one out. */
  readonly session: string
  /** Micro-tokens the edge would like to hold: measured rate × horizon, at least what waits. */
  readonly want: number
  /** Micro-tokens that wait for this message's answer. */
  readonly waiting: number
  /** Cost of the first waiting request; 0 when none waits. */
  readonly first: number
}

/** How an origin answered requests that were forwarded to it. */
export interface OriginTally {
  readonly requests: number
  /** Answers 500 … 599, and requests that never reached it. */
  readonly failures: number
  readonly timeouts: number
  /** Sum of the times to the first byte, ms. */
  readonly totalMs: number
}

/** One message of an edge isolate to one node. */
export interface LeaseRequest {
  readonly version: number
  /** Id of the isolate, unique for its life. */
  readonly edge: string
  /** Passed on by a node whose tenants have moved; never passed on again. */
  readonly forwarded?: true
  /** How the node's origin did since the last message; lost with a lost message, which does no harm. */
  readonly origin?: OriginTally
  readonly accounts: readonly AccountReport[]
}

/** The node's word on one account. */
export interface AccountGrant {
  readonly tenant: string
  readonly device?: string
  readonly epoch: number
  readonly session: string
  /** Running total of micro-tokens granted to the session. */
  readonly granted: number
  /** Running total of what of it was borrowed from others' idle tokens. */
  readonly borrowed: number
  /** How far the edge may go negative while its next message is in flight, micro-tokens. */
  readonly credit: number
  /** How long the lease may be used, counted from the moment the edge sent its message. */
  readonly ttlMs: number
  /** Comes with a grant smaller than wanted: until then asking again is of no use. */
  readonly retryAfterMs?: number
  /** Sessions the tenant has on this node now: how many share its base while the node is unreachable. */
  readonly edges: number
  /** What the account has left of its own this round, beside what is granted; for telling clients. */
  readonly balance?: number
  /** The account's guaranteed micro-tokens per round, and the round's length. */
  readonly baseTokens: number
  readonly roundMs: number
  /** The node that granted, where it is another than the one asked: ask there next time. */
  readonly home?: string
}

/** The tenant is not served by this node (any more). */
export interface Moved {
  readonly tenant: string
  /** Where it lives now; absent when this node does not know. */
  readonly moved: { readonly node?: string; readonly epoch: number }
}

/** The node's answer to a {@link LeaseRequest}: an entry for each account asked about. */
export interface LeaseReply {
  readonly version: number
  readonly accounts: readonly (AccountGrant | Moved)[]
}
