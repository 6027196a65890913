/**
 * A forced takeover: the tenant's node is silent and another one becomes the owner.
 *
 * Safe because of three things: every node that could be serving the tenant has let its lease to serve
 * lapse; none of them gets a new lease before it was told to retire (`messageForStray`); and the target of a
 * move whose outcome nobody knows is asked before anything else is done (`Migration.bury`).
 */

import { err, ok, type Result } from '../result.ts'
import { type Migration, openMigration, type Placement } from './placement.ts'
import { type MoveRequest, opened, type TargetFacts, targetRefusal } from './plan.ts'
import { refuse } from './plan-refusals.ts'
import type { PlanRefusalCode, Refusal } from './refusals.ts'
import type { Home } from './types.ts'

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
 * Plans a takeover, or the first placement of a tenant. An open migration is superseded where that is safe;
 * it is then gone from the row, so whoever keeps a history notes it first.
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
  const past = passedOver(placement, open, facts.lapsed)
  const serving = past.serving.find((node) => !facts.lapsed(node))
  if (serving !== undefined) return err(refuse('still-serving', { ...subject, node: serving }))
  if (past.bury === null && past.serving.includes(request.to)) {
    return err(refuse('leftover', subject))
  }
  return ok(superseding(placement, open, request, facts, past, nowMs))
}

/** Why this node cannot take over, by the state of the tenant and its own. */
function takeoverRefusal(
  placement: Placement<unknown>,
  open: Migration<unknown> | null,
  request: MoveRequest,
  target: TargetFacts,
): PlanRefusalCode | null {
  const { to } = request
  if (open?.phase === 'COMMITTED' && to === open.source?.node) return 'leftover'
  const frozen = placement.ownerPassedOver || open?.phase === 'INSTALLING'
  if (to === placement.owner && !frozen) return 'same-node'
  return targetRefusal(placement, request, target)
}

/** What a takeover leaves behind. */
interface Past {
  /** Nodes that could serve the tenant, now or by what is under way: each must have stopped. */
  readonly serving: readonly string[]
  /** Nodes that hold a row of the tenant, or may. */
  readonly holding: readonly string[]
  /** The live target of an undecided move: asked first. */
  readonly bury: Home | null
}

/** An owner that was passed over before can neither serve nor hold anything that is not a stray's. */
function passedOver(
  placement: Placement<unknown>,
  open: Migration<unknown> | null,
  lapsed: (node: string) => boolean,
): Past {
  const owner = placement.owner === null || placement.ownerPassedOver ? [] : [placement.owner]
  if (open === null) return { serving: owner, holding: owner, bury: null }
  const { target, epoch, source } = open
  const both = [...new Set([...owner, target])]
  if (open.phase === 'COMMITTED') {
    return { serving: owner, holding: source === null ? owner : [...owner, source.node], bury: null }
  }
  if (open.phase === 'INSTALLING') return { serving: [target], holding: both, bury: null }
  if (open.bury !== null) {
    const { node } = open.bury
    return { serving: [node], holding: [node], bury: null }
  }
  if (open.forced) return { serving: [target], holding: [target], bury: null }
  if (open.phase === 'ABORTING' && open.fenced) return { serving: owner, holding: both, bury: null }
  const ask = !lapsed(target)
  return ask
    ? { serving: owner, holding: owner, bury: { node: target, epoch } }
    : { serving: both, holding: both, bury: null }
}

/** The row with the takeover, the strays it leaves, and the state that what they hand in is compared with. */
function superseding<Capsule>(
  placement: Placement<Capsule>,
  open: Migration<Capsule> | null,
  request: MoveRequest,
  facts: TakeoverFacts<Capsule>,
  { holding, bury }: Past,
  nowMs: number,
): Placement<Capsule> {
  const next = opened(placement, request, 'TAKING_OVER', nowMs)
  const first = placement.owner === null && open === null
  const checkpoint = placement.checkpoint ?? facts.fresh
  const capsule = first ? facts.fresh : facts.presumeSpent(checkpoint)
  // A silent target of an undecided move is of one chain with that move's source, who left it behind.
  const epoch = open?.bury ? open.epoch : next.issuedEpoch
  const known = new Set(placement.strays.map((stray) => stray.node))
  const left = holding.filter((node) => node !== request.to && !known.has(node))
  const strays = left.map((node) => ({ node, epoch, step: 'retire' }) as const)
  const needed = strays.length > 0 && !placement.baselines.some((each) => each.epoch === epoch)
  const baselines = needed ? [{ epoch, capsule: checkpoint }] : []
  return {
    ...next,
    migration: { ...next.migration, capsule, bury },
    checkpoint,
    ownerPassedOver: placement.owner !== null,
    strays: [...placement.strays, ...strays],
    baselines: [...placement.baselines, ...baselines],
  }
}
