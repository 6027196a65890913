/**
 * Nodes that were silent when a migration ended. Each is told with its next heartbeat, before its lease to
 * serve is renewed; what it hands in is booked once, and it may be a target again when it has forgotten.
 */

import { err, ok, type Result } from '../result.ts'
import { enter, homeOf, openMigration, type Placement, type Stray } from './placement.ts'
import { refuse } from './plan-refusals.ts'
import type { Refusal } from './refusals.ts'
import type { NodeAnswer, NodeMessage } from './types.ts'

/**
 * Usage that a passed-over node handed in: what `to` has counted beyond `from`. The tenant's usage is its
 * owner's plus all of these. Where the node's state is older than what the takeover began with, both are that.
 */
export interface Booking<Capsule> {
  /** Epoch of the takeover the node was passed over by. */
  readonly epoch: number
  readonly node: string
  readonly from: Capsule
  readonly to: Capsule
}

/**
 * What a node has to be told of this tenant before its lease to serve may be renewed; `null` for nothing.
 * The node applies it in the transaction in which it stores the renewal, and reports the answer.
 */
export function messageForStray<Capsule>(
  placement: Placement<Capsule>,
  node: string,
): NodeMessage<Capsule> | null {
  const stray = placement.strays.find((each) => each.node === node)
  if (stray === undefined) return null
  const { tenant } = placement
  const { epoch } = stray
  switch (stray.step) {
    case 'retire':
      return { kind: 'retire', tenant, epoch, home: placement.ownerPassedOver ? null : homeOf(placement) }
    case 'release':
      return { kind: 'release', tenant, epoch, hurry: true }
    case 'abort':
      return { kind: 'abort', tenant, epoch, side: 'target' }
  }
}

/** Takes in what a stray answered; any other answer leaves the row as it is. */
export function onStrayAnswer<Capsule>(
  placement: Placement<Capsule>,
  answer: NodeAnswer<Capsule>,
  latest: (a: Capsule, b: Capsule) => Capsule,
): { placement: Placement<Capsule>; booking: Booking<Capsule> | null } {
  const unchanged = { placement, booking: null }
  const stray = placement.strays.find((each) => each.node === answer.node && each.epoch === answer.epoch)
  if (stray === undefined || answer.tenant !== placement.tenant) return unchanged
  if (stray.step === 'release' && answer.kind === 'released') {
    return { placement: without(placement, stray), booking: null }
  }
  if (stray.step === 'abort' && answer.kind === 'aborted') {
    return { placement: without(placement, stray), booking: null }
  }
  if (stray.step !== 'retire' || answer.kind !== 'retired') return unchanged
  const baseline = placement.baselines.find((each) => each.epoch === stray.epoch)
  if (baseline === undefined || openMigration(placement)?.bury) return unchanged
  if (answer.capsule === null) return { placement: without(placement, stray), booking: null }
  const strays = placement.strays.map((each) =>
    each === stray ? { ...each, step: 'release' as const } : each,
  )
  if (baseline.capsule === null) return { placement: { ...placement, strays }, booking: null }
  const capsule = latest(baseline.capsule, answer.capsule)
  const baselines = placement.baselines.map((each) => (each === baseline ? { ...each, capsule } : each))
  const booking = { epoch: stray.epoch, node: stray.node, from: baseline.capsule, to: capsule }
  return { placement: { ...placement, strays, baselines }, booking }
}

/** The row without a stray, and without its baseline when it was the last to refer to it. */
function without<Capsule>(placement: Placement<Capsule>, stray: Stray): Placement<Capsule> {
  const strays = placement.strays.filter((each) => each !== stray)
  const baselines = placement.baselines.filter((each) => strays.some(({ epoch }) => epoch === each.epoch))
  return { ...placement, strays, baselines }
}

/**
 * Closes a migration that only waits for a silent node to tidy up: the source of a committed move, or the
 * target of an abort whose fence is written. The node becomes a stray.
 * @returns refused: `no-migration`, or `migration-open` while the outcome depends on an answer
 */
export function leaveBehind<Capsule>(
  placement: Placement<Capsule>,
  nowMs: number,
): Result<Placement<Capsule>, Refusal> {
  const migration = openMigration(placement)
  if (migration === null) return err(refuse('no-migration', { tenant: placement.tenant, node: '' }))
  const { phase, source, target, epoch, fenced, forced } = migration
  if (phase === 'COMMITTED' && source !== null) {
    const next = enter(placement, { phase: 'DONE' }, nowMs)
    return ok({ ...next, strays: [...next.strays, { node: source.node, epoch, step: 'release' }] })
  }
  if (phase === 'ABORTING' && fenced && !forced) {
    const next = enter(placement, { phase: 'ABORTED' }, nowMs)
    return ok({ ...next, strays: [...next.strays, { node: target, epoch, step: 'abort' }] })
  }
  return err(refuse('migration-open', { tenant: placement.tenant, node: target }))
}
