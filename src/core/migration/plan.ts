/** What starts and stops an ordinary move at the coordinator. All checks first: a refusal changes nothing. */

import { err, ok, type Result } from '../result.ts'
import { enter, type Migration, openMigration, type Placement } from './placement.ts'
import { refuse } from './plan-refusals.ts'
import type { PlanRefusalCode, Refusal } from './refusals.ts'

/** What the coordinator knows of a node that is to take a tenant. */
export interface TargetFacts {
  readonly node: string
  readonly state: 'ready' | 'cordoned' | 'failed'
  /** Guaranteed rate not yet promised to anybody, in the ledger's amounts per second. */
  readonly freeRate: number
  /** Open migrations into the node. */
  readonly movesIn: number
}

/** What is asked for. */
export interface MoveRequest {
  readonly tenant: string
  readonly to: string
  /** The tenant's guaranteed rate, in the ledger's amounts per second. */
  readonly reserve: number
  readonly reason: string
}

/** Open migrations one node may take part in, each way. */
export interface MoveLimits {
  readonly maxMovesIn: number
  readonly maxMovesOut: number
}

/**
 * Step 0: plans a move of a tenant to another node.
 * @param placement the tenant's row, `undefined` if there is no such tenant
 * @param target facts of the node asked for, `undefined` if there is no such node
 * @param movesOut open migrations out of the tenant's present node
 * @returns the row in PREPARING, to be written together with an alarm; or why not, nothing changed
 */
export function planMove<Capsule>(
  placement: Placement<Capsule> | undefined,
  request: MoveRequest,
  target: TargetFacts | undefined,
  movesOut: number,
  limits: MoveLimits,
  nowMs: number,
): Result<Placement<Capsule>, Refusal> {
  const subject = { tenant: request.tenant, node: request.to }
  if (placement === undefined) return err(refuse('unknown-tenant', subject))
  if (target === undefined) return err(refuse('unknown-node', subject))
  if (placement.owner === target.node) return err(refuse('same-node', subject))
  if (openMigration(placement) !== null) return err(refuse('migration-open', subject))
  if (placement.owner === null || placement.ownerPassedOver) return err(refuse('not-placed', subject))
  const refusal = targetRefusal(placement, request, target)
  if (refusal !== null) return err(refuse(refusal, subject))
  if (target.movesIn >= limits.maxMovesIn) return err(refuse('busy-node', subject))
  if (movesOut >= limits.maxMovesOut) return err(refuse('busy-node', { ...subject, node: placement.owner }))
  return ok(opened(placement, request, 'PREPARING', nowMs))
}

/** Why a node cannot take the tenant, by its own state. */
export function targetRefusal(
  placement: Placement<unknown>,
  request: MoveRequest,
  target: TargetFacts,
): PlanRefusalCode | null {
  if (target.state === 'cordoned') return 'cordoned'
  if (target.state === 'failed') return 'failed-node'
  if (placement.strays.some((stray) => stray.node === target.node)) return 'leftover'
  return target.freeRate < request.reserve ? 'full' : null
}

/** A row with a new migration and a new epoch. */
export function opened<Capsule>(
  placement: Placement<Capsule>,
  request: MoveRequest,
  phase: 'PREPARING' | 'TAKING_OVER',
  nowMs: number,
): Placement<Capsule> & { readonly migration: Migration<Capsule> } {
  const { tenant, owner, epoch } = placement
  const issuedEpoch = placement.issuedEpoch + 1
  const migration: Migration<Capsule> = {
    tenant,
    epoch: issuedEpoch,
    source: owner === null ? null : { node: owner, epoch },
    target: request.to,
    forced: phase === 'TAKING_OVER',
    reserve: request.reserve,
    reason: request.reason,
    phase,
    history: [{ phase, atMs: nowMs }],
    capsule: null,
    fenced: false,
    bury: null,
    drainDeadlineMs: null,
    lastRefusal: null,
  }
  return { ...placement, issuedEpoch, migration, retry: { attempts: 0, dueAtMs: nowMs } }
}

/**
 * Asks for the abort of the open migration. It ends in ABORTED if the source still has the account when
 * the fence reaches it, otherwise the move is completed. Asking again changes nothing.
 * @returns refused: `no-migration`, or `too-late` once the account has left or a takeover began
 */
export function requestAbort<Capsule>(
  placement: Placement<Capsule>,
  nowMs: number,
): Result<Placement<Capsule>, Refusal> {
  const migration = openMigration(placement)
  const subject = { tenant: placement.tenant, node: migration?.target ?? '' }
  switch (migration?.phase) {
    case 'ABORTING':
      return ok(placement)
    case 'PREPARING':
    case 'HANDING_OFF':
      return ok(enter(placement, { phase: 'ABORTING' }, nowMs))
    case undefined:
      return err(refuse('no-migration', subject))
    default:
      return err(refuse('too-late', subject))
  }
}

/**
 * Ends the drain of a committed move now: the source is released although edges may still send to it (they
 * are answered `moved`).
 * @returns refused with `no-migration` unless a move is committed and not done
 */
export function endDrain<Capsule>(
  placement: Placement<Capsule>,
  nowMs: number,
): Result<Placement<Capsule>, Refusal> {
  const migration = openMigration(placement)
  if (migration?.phase !== 'COMMITTED') {
    return err(refuse('no-migration', { tenant: placement.tenant, node: placement.owner ?? '' }))
  }
  const retry = { attempts: 0, dueAtMs: nowMs }
  return ok({ ...placement, migration: { ...migration, drainDeadlineMs: nowMs }, retry })
}
