/** What the coordinator keeps of one tenant's place: plain data, one row per tenant. */

import { type Home, migrationId } from './types.ts'

/**
 * Phases of a migration. `DONE` and `ABORTED` are closed, the others open.
 *
 *     PREPARING → HANDING_OFF → INSTALLING → COMMITTED → DONE
 *         └────────────┴→ ABORTING → ABORTED             (or back to INSTALLING: the account had left)
 *     TAKING_OVER → DONE                                 (forced, or a first placement)
 *         └→ ABORTING → ABORTED                          (the target refused; or see `bury`)
 */
export type Phase =
  | 'PREPARING'
  | 'HANDING_OFF'
  | 'INSTALLING'
  | 'COMMITTED'
  | 'ABORTING'
  | 'TAKING_OVER'
  | 'DONE'
  | 'ABORTED'

/** One migration, open or the last one closed. */
export interface Migration<Capsule> {
  readonly tenant: string
  /** Epoch the move leads to; with the tenant's name it is the migration's id. */
  readonly epoch: number
  /** Where the account comes from; `null` for a first placement. */
  readonly source: Home | null
  readonly target: string
  readonly forced: boolean
  /** Guaranteed rate the target has to keep free, in the ledger's amounts per second. */
  readonly reserve: number
  /** Who or what asked for it, for `describe`. */
  readonly reason: string
  readonly phase: Phase
  /** When each phase began, ms; the last entry is the present one. */
  readonly history: readonly { readonly phase: Phase; readonly atMs: number }[]
  /** What the target is to install: the source's capsule once handed, or a takeover's start; else `null`. */
  readonly capsule: Capsule | null
  /** ABORTING only: whether the source has written the fence, so that only the target is left to tell. */
  readonly fenced: boolean
  /**
   * TAKING_OVER only: the target of the undecided move this takeover replaces. It is asked first, by an abort
   * of that move; if it has the account by then it stays the owner, and the takeover ends in ABORTED.
   */
  readonly bury: Home | null
  /** From when on the source is released even though edges still send to it; set at the commit. */
  readonly drainDeadlineMs: number | null
  /** The text of the last refusal by a node, for `describe`. */
  readonly lastRefusal: string | null
}

/**
 * A node that was silent when a migration ended and has still to be told: `retire` (hand in what you had,
 * a takeover passed you over), then `release` (it was booked, or the move is long done), or `abort`. Told
 * with its next heartbeat, before its lease to serve is renewed.
 */
export interface Stray {
  readonly node: string
  /** Epoch of the migration that left it behind; those of one takeover share its baseline. */
  readonly epoch: number
  readonly step: 'retire' | 'release' | 'abort'
}

/**
 * The state a takeover started from. What the nodes it passed over hand in later is booked as the
 * difference to it, like a running total, so that several of one chain of owners are never counted twice.
 */
export interface Baseline<Capsule> {
  readonly epoch: number
  /** `null`: the owner's account includes all that can be handed in. */
  readonly capsule: Capsule | null
}

/** When to send again, ms. Need not be durable, but the alarm it stands for must be. */
export interface Retry {
  readonly attempts: number
  readonly dueAtMs: number
}

/** A tenant's place. */
export interface Placement<Capsule> {
  readonly tenant: string
  /** Node of the account (edges are told this), `null` before the first placement. */
  readonly owner: string | null
  /** Epoch of the account, 0 before the first placement. */
  readonly epoch: number
  /** Highest epoch ever issued; an epoch belongs to one migration for ever. */
  readonly issuedEpoch: number
  readonly migration: Migration<Capsule> | null
  readonly strays: readonly Stray[]
  readonly baselines: readonly Baseline<Capsule>[]
  /** The last state of the account the coordinator was told; a takeover starts from it. */
  readonly checkpoint: Capsule | null
  /**
   * True from the plan of a takeover until one succeeds: the owner never serves again at its epoch, and
   * only a takeover can give the tenant a node.
   */
  readonly ownerPassedOver: boolean
  readonly retry: Retry
}

/** Durations of the coordinator's side, integer ms > 0. */
export interface MigrationTerms {
  /** First repetition of an unanswered message; doubled each time up to `retryMaxMs`. */
  readonly retryFirstMs: number
  readonly retryMaxMs: number
  /** Longest time a source forwards after the commit. */
  readonly drainMs: number
}

/**
 * A tenant's place before its first migration.
 * @param home where its account is, if it was placed without one
 * @param issuedEpoch highest epoch ever issued under this name, also to an earlier tenant
 */
export function newPlacement<Capsule>(
  tenant: string,
  home: Home | null = null,
  issuedEpoch = home?.epoch ?? 0,
): Placement<Capsule> {
  return {
    tenant,
    owner: home?.node ?? null,
    epoch: home?.epoch ?? 0,
    issuedEpoch,
    migration: null,
    strays: [],
    baselines: [],
    checkpoint: null,
    ownerPassedOver: false,
    retry: { attempts: 0, dueAtMs: 0 },
  }
}

/** The open migration, if there is one. */
export function openMigration<Capsule>(placement: Placement<Capsule>): Migration<Capsule> | null {
  const { migration } = placement
  return migration === null || migration.phase === 'DONE' || migration.phase === 'ABORTED' ? null : migration
}

/** The owner as edges are told it; `null` while the tenant has none. */
export function homeOf(placement: Placement<unknown>): Home | null {
  return placement.owner === null ? null : { node: placement.owner, epoch: placement.epoch }
}

/** Moves a migration to another phase; its messages are due at once. */
export function enter<Capsule>(
  placement: Placement<Capsule>,
  change: Partial<Migration<Capsule>> & { phase: Phase },
  nowMs: number,
): Placement<Capsule> {
  const { migration } = placement
  if (migration === null) throw new Error(`no migration of ${placement.tenant} to move to ${change.phase}`)
  const history = [...migration.history, { phase: change.phase, atMs: nowMs }]
  return {
    ...placement,
    migration: { ...migration, ...change, history },
    retry: { attempts: 0, dueAtMs: nowMs },
  }
}

/** The printable id of a migration. */
export function idOf(migration: Migration<unknown>): string {
  return migrationId(migration.tenant, migration.epoch)
}
