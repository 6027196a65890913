/**
 * A forced takeover: the tenant's node is silent and another one becomes the owner.
 *
 * Safe because of two things: every node that could be serving the tenant has let its lease to serve lapse
 * (or is the new owner itself), and none of them gets a new lease before it was told to retire
 * (`messageForStray`).
 */

import { err, ok, type Result } from '../result.ts'
import { type Migration, openMigration, type Placement } from './placement.ts'
import { type MoveRequest, opened, type TargetFacts, targetRefusal } from './plan.ts'
import { type PlanRefusalCode, type Refusal, refuse } from './refusals.ts'

/** What a takeover needs besides the request. */
export interface TakeoverFacts<Capsule> {
  /** A new account of the tenant; used for a first placement, or when no checkpoint ever arrived. */
  readonly fresh: Capsule
  /** Counts everything outstanding in a capsule as spent, so that nothing is granted twice. */
  readonly presumeSpent: (capsule: Capsule) => Capsule
  /** Whether the node's lease to serve has certainly lapsed (`servingLapsed`). */
  readonly lapsed: (node: string) => boolean
}

/**
 * Plans a takeover, or the first placement of a tenant. An open migration is superseded where that is safe.
 * @returns the row in TAKING_OVER, to be written with an alarm; or why not, nothing changed. Refused besides
 *   what `planMove` refuses: `still-serving`, naming the node whose lease to serve is live
 */
export function planTakeover<Capsule>(
  placement: Placement<Capsule> | undefined,
  request: MoveRequest,
  target: TargetFacts | undefined,
  facts: TakeoverFacts<Capsule>,
  nowMs: number,
): Result<Placement<Capsule>, Refusal> {
  const subject = { tenant: request.tenant, node: request.to }
  if (placement === undefined) return err(refuse('unknown-tenant', subject))
  if (target === undefined) return err(refuse('unknown-node', subject))
  const open = openMigration(placement)
  const refusal = takeoverRefusal(placement, open, request, target)
  if (refusal !== null) return err(refuse(refusal, subject))
  const past = passedOver(placement, open)
  const serving = past.serving.find((node) => node !== request.to && !facts.lapsed(node))
  if (serving !== undefined) return err(refuse('still-serving', { ...subject, node: serving }))
  return ok(superseding(placement, open, request, facts, past.holding, nowMs))
}

/** Whether the outcome of the open migration is unknown: its target may have the account, or get it. */
function undecided(open: Migration<unknown>): boolean {
  return (
    open.phase === 'PREPARING' || open.phase === 'HANDING_OFF' || (open.phase === 'ABORTING' && !open.fenced)
  )
}

/** Why this node cannot take over, by the state of the tenant and its own. */
function takeoverRefusal(
  placement: Placement<unknown>,
  open: Migration<unknown> | null,
  request: MoveRequest,
  target: TargetFacts,
): PlanRefusalCode | null {
  const { to } = request
  const unfinished = open?.phase === 'INSTALLING' || open?.phase === 'TAKING_OVER'
  if (unfinished && to === open.target) return 'migration-open'
  if (open?.phase === 'COMMITTED' && to === open.source?.node) return 'leftover'
  const frozen = placement.ownerPassedOver || open?.phase === 'INSTALLING'
  if (to === placement.owner && !frozen) return 'same-node'
  // The target of a move has its room reserved already, and may even have the account.
  if (open !== null && undecided(open) && to === open.target) {
    return target.state === 'failed' ? 'failed-node' : null
  }
  return targetRefusal(placement, request, target)
}

/**
 * The nodes that could serve the tenant, now or by what is under way, and those that hold a row of it. An
 * owner that was passed over before is among the strays already.
 */
function passedOver(
  placement: Placement<unknown>,
  open: Migration<unknown> | null,
): { serving: readonly string[]; holding: readonly string[] } {
  const owner = placement.owner === null || placement.ownerPassedOver ? [] : [placement.owner]
  if (open === null) return { serving: owner, holding: owner }
  const both = [...new Set([...owner, open.target])]
  switch (open.phase) {
    case 'INSTALLING':
      return { serving: [open.target], holding: both }
    case 'COMMITTED':
      return { serving: owner, holding: open.source === null ? owner : [...owner, open.source.node] }
    case 'ABORTING':
      return { serving: open.fenced && !open.forced ? owner : both, holding: both }
    default:
      return { serving: both, holding: both }
  }
}

/** The row with the takeover, the strays it leaves, and the state that what they hand in is compared with. */
function superseding<Capsule>(
  placement: Placement<Capsule>,
  open: Migration<Capsule> | null,
  request: MoveRequest,
  facts: TakeoverFacts<Capsule>,
  holding: readonly string[],
  nowMs: number,
): Placement<Capsule> {
  const next = opened(placement, request, 'TAKING_OVER', nowMs)
  const epoch = next.issuedEpoch
  const first = placement.owner === null && open === null
  const checkpoint = placement.checkpoint ?? facts.fresh
  const capsule = first ? facts.fresh : facts.presumeSpent(checkpoint)
  const known = new Set(placement.strays.map((stray) => stray.node))
  const left = holding.filter((node) => node !== request.to && !known.has(node))
  const strays = left.map((node) => ({ node, epoch, step: 'retire' }) as const)
  const certain = !(open !== null && undecided(open) && open.target === request.to)
  const baselines = left.length === 0 ? [] : [{ epoch, capsule: checkpoint, certain }]
  return {
    ...next,
    migration: { ...next.migration, capsule },
    checkpoint,
    ownerPassedOver: placement.owner !== null,
    strays: [...placement.strays, ...strays],
    baselines: [...placement.baselines, ...baselines],
  }
}
