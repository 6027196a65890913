/**
 * What the two sides of a migration say to each other and what a node keeps of a tenant.
 *
 * Everything here is plain data that survives JSON. `Capsule` is what moves: balance, own debt, sessions,
 * usage, configuration and version of one tenant; these handlers carry it by value and never look inside.
 *
 * A migration is named by `(tenant, epoch)`: the coordinator never issues an epoch twice, so the epoch a
 * move leads to is its id (`migrationId`), and every message carries it together with its step, `kind`.
 */

import type { Refusal } from './refusals.ts'

/** Where a tenant lives, or lived: the answer to an edge that asks the wrong node. */
export interface Home {
  readonly node: string
  /** Epoch of the account there, an integer ≥ 1. */
  readonly epoch: number
}

/**
 * How the account of an ACTIVE row came to be: `installed` from the source's capsule, or by a `takeover` from
 * what the coordinator had (a checkpoint, or a fresh account).
 */
export type Origin = 'installed' | 'takeover'

/** A target that waits for the capsule. It reserves room and cannot serve yet. */
export interface StagedRow {
  readonly role: 'staged'
  readonly epoch: number
  readonly source: Home
  /** Guaranteed rate to keep free for the tenant, in the ledger's amounts per second. */
  readonly reserve: number
}

/** The one account of the tenant. */
export interface ActiveRow {
  readonly role: 'active'
  readonly epoch: number
  readonly origin: Origin
  /** Migrations up to this epoch were aborted here and can never take the account away. 0 = none. */
  readonly fencedEpoch: number
}

/** The account has left; `capsule` is what it was, until the target is known to have it. */
export interface ForwardingRow<Capsule> {
  readonly role: 'forwarding'
  readonly epoch: number
  readonly target: Home
  readonly capsule: Capsule
}

/** The account was taken over elsewhere while this node was silent; its last state waits to be collected. */
export interface RetiredRow<Capsule> {
  readonly role: 'retired'
  /** Epoch of the takeover. */
  readonly epoch: number
  readonly home: Home | null
  readonly capsule: Capsule
}

/** A tombstone: late messages up to `epoch` change nothing, edges are sent on to `home`. */
export interface GoneRow {
  readonly role: 'gone'
  readonly epoch: number
  readonly home: Home | null
  /** When `sweep` may forget it, on the node's clock. */
  readonly keepUntilMs: number
}

/** All that a node knows about one tenant; `null` where it knows nothing. */
export type TenantRow<Capsule> =
  | StagedRow
  | ActiveRow
  | ForwardingRow<Capsule>
  | RetiredRow<Capsule>
  | GoneRow

interface Named {
  readonly tenant: string
  /** Epoch the migration leads to. */
  readonly epoch: number
}

/** Step 1, coordinator → target: make room. */
export interface Prepare extends Named {
  readonly kind: 'prepare'
  readonly source: Home
  readonly reserve: number
}

/** Step 2, coordinator → source: stop, freeze the account into a capsule, forward from now on. */
export interface Handoff extends Named {
  readonly kind: 'handoff'
  readonly fromEpoch: number
  readonly target: string
}

/** Step 3, source or coordinator → target: the capsule. */
export interface Install<Capsule> extends Named {
  readonly kind: 'install'
  readonly capsule: Capsule
}

/** Step 6, coordinator → source (after the commit) or → a retired node (after its usage was collected). */
export interface Release extends Named {
  readonly kind: 'release'
  /** True once the drain deadline has passed: do not wait for the last forward. */
  readonly hurry: boolean
}

/** Whom an abort is for: the source or the target of a move, or the new owner of a takeover. */
export type AbortSide = 'source' | 'target' | 'takeover'

/** Steps A1 (to the source: write the fence) and A2 (to the target: write a tombstone). */
export interface Abort extends Named {
  readonly kind: 'abort'
  readonly side: AbortSide
}

/** Coordinator → target: be the owner from this state; the former owner is silent, or there never was one. */
export interface Takeover<Capsule> extends Named {
  readonly kind: 'takeover'
  readonly reserve: number
  readonly capsule: Capsule
}

/** Coordinator → a node that was taken over from: stop, and hand in what you had. */
export interface Retire extends Named {
  readonly kind: 'retire'
  readonly home: Home | null
}

/** A staged target → its source: give me the capsule, somebody waits. */
export interface Pull extends Named {
  readonly kind: 'pull'
}

/** What a node accepts from the coordinator or, for `install` and `pull`, from another node. */
export type NodeMessage<Capsule> =
  | Prepare
  | Handoff
  | Install<Capsule>
  | Release
  | Abort
  | Takeover<Capsule>
  | Retire
  | Pull

/** What is asked of a node; the step of a refused message. */
export type Step = NodeMessage<unknown>['kind']

/** What a node says back, without the envelope. `handed` and `installed` also answer an abort that is late. */
export type AnswerBody<Capsule> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'handed'; readonly capsule: Capsule }
  | { readonly kind: 'installed'; readonly origin: Origin }
  | { readonly kind: 'draining' }
  | { readonly kind: 'released' }
  | { readonly kind: 'aborted'; readonly side: AbortSide }
  | { readonly kind: 'retired'; readonly capsule: Capsule | null }
  | { readonly kind: 'refused'; readonly step: Step; readonly refusal: Refusal }

/** A node's answer: names the migration and the node, so that late answers are told apart. */
export type NodeAnswer<Capsule> = Named & { readonly node: string } & AnswerBody<Capsule>

/** What the ledger of the node has to do in the same transaction as the row. */
export type AccountChange<Capsule> =
  | { readonly kind: 'open'; readonly capsule: Capsule }
  | { readonly kind: 'close' }

/** A message and the node it goes to. */
export interface Outgoing<Capsule> {
  readonly to: string
  readonly message: NodeMessage<Capsule>
}

/**
 * The result of one message at a node. `row` and `account` are written in ONE storage transaction; only
 * then `answer` and `send` may leave. `send` is a courtesy that saves a round trip: losing it is safe.
 */
export interface NodeStep<Capsule> {
  readonly row: TenantRow<Capsule> | null
  readonly account: AccountChange<Capsule> | null
  readonly answer: NodeAnswer<Capsule>
  readonly send: readonly Outgoing<Capsule>[]
}

/** What a handler has to know of its node besides the tenant's row. */
export interface NodeFacts<Capsule> {
  readonly node: string
  readonly nowMs: number
  /** How long tombstones are kept, ms; longer than any message can be under way. */
  readonly tombstoneTtlMs: number
  /** Whether the node can still guarantee `reserve` to one more tenant (staged rows count as taken). */
  readonly hasRoom: (reserve: number) => boolean
  /** The live account as a capsule; called at most once, and only for an ACTIVE row. */
  readonly freeze: () => Capsule
  /** Whether nothing was forwarded for a while and every lease granted here has lapsed. */
  readonly drained: boolean
}

/** The printable name of a migration. Tenant names hold no colon, so it is unambiguous. */
export function migrationId(tenant: string, epoch: number): string {
  return `${tenant}:${epoch}`
}
