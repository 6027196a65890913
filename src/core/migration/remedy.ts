/** What is to be done about a tenant while nodes are silent: have failed, and have certainly stopped serving. */

import { openMigration, type Placement } from './placement.ts'

/**
 * - `takeover`: another node becomes the owner (`planTakeover`).
 * - `leave-behind`: only a silent node is left to tidy up, and nobody waits for it (`leaveBehind`).
 * - `abort`: the move to the silent node is given up (`requestAbort`); the source decides, which answers.
 * - `none`: the nodes that matter answer.
 */
export type Remedy = 'takeover' | 'leave-behind' | 'abort' | 'none'

/** @param isSilent whether a node is silent */
export function remedyOf(placement: Placement<unknown>, isSilent: (node: string) => boolean): Remedy {
  const open = openMigration(placement)
  const { owner } = placement
  if (open === null) {
    return placement.ownerPassedOver || (owner !== null && isSilent(owner)) ? 'takeover' : 'none'
  }
  const { phase, target, fenced, forced, bury } = open
  const sourceSilent = open.source !== null && isSilent(open.source.node)
  // The former owner of a takeover was passed over; only whoever is asked now matters.
  if (forced) return isSilent(bury?.node ?? target) ? 'takeover' : 'none'
  // The coordinator has the capsule: the target alone is needed.
  if (phase === 'INSTALLING') return isSilent(target) ? 'takeover' : 'none'
  if (phase === 'COMMITTED') return isSilent(target) ? 'takeover' : sourceSilent ? 'leave-behind' : 'none'
  if (sourceSilent) return 'takeover'
  if (!isSilent(target)) return 'none'
  if (phase === 'ABORTING') return fenced ? 'leave-behind' : 'none'
  return 'abort'
}
