/** What must hold in every state and in every step; the sentences are those of the design page. */

import { openMigration } from '../../src/core/migration/index.ts'
import { seenEpoch } from '../../src/core/migration/node-parts.ts'
import { type Capsule, type Instance, type NodeState, presumeSpent, type World } from './world.ts'

/** What is wrong with a state, `null` for nothing. */
export function stateViolation(world: World, instance: Instance): string | null {
  const { nodes, placement, audit } = world
  const active = nodes.filter(({ row }) => row?.role === 'active')
  const calm = instance.budget.takeovers === 0
  if (active.filter(({ serving }) => serving || calm).length > 1) return 'two ACTIVE rows that may serve'
  if (new Set(active.map(({ row }) => row?.epoch)).size < active.length) return 'two ACTIVE rows of one epoch'
  for (const { row, account } of nodes) {
    if ((row?.role === 'active') !== (account !== null))
      return 'an account without an ACTIVE row, or none with one'
  }
  if (audit.booked > audit.used) return 'more usage was booked than there was'
  const state = authority(world)
  if (state === null) return 'neither an ACTIVE row nor a capsule exists'
  if (state.balance + audit.granted > audit.supply) return 'tokens were minted'
  if (state.usage + audit.late > audit.booked) return 'usage was counted twice'
  if (calm && state.balance + audit.granted !== audit.supply) return 'balance + spent is not constant'
  if (calm && state.usage !== audit.booked) return 'usage was lost'
  return (
    ownerViolation(world, instance) ??
    settledViolation(world, state) ??
    (placement.epoch > placement.issuedEpoch ? 'an epoch nobody issued' : null)
  )
}

/** The tenant's state where it is valid now: the newest ACTIVE row, or capsule, or a takeover's start. */
function authority(world: World): Capsule | null {
  const { nodes, placement } = world
  if (placement.ownerPassedOver && !nodes.some(({ row }) => isNewOwner(world, row))) {
    const start = openMigration(placement)?.capsule ?? null
    // Without an open takeover nobody serves from the checkpoint; the next one counts the rest as spent.
    return start ?? (placement.checkpoint && presumeSpent(placement.checkpoint))
  }
  let best: Capsule | null = null
  let bestEpoch = -1
  for (const { row, account } of nodes) {
    const capsule = row?.role === 'active' ? account : row?.role === 'forwarding' ? row.capsule : null
    if (capsule === null || row === null || row.epoch <= bestEpoch) continue
    best = capsule
    bestEpoch = row.epoch
  }
  return best
}

/** Whether a row is the account that the open takeover made. */
function isNewOwner(world: World, row: NodeState['row']): boolean {
  return row?.role === 'active' && row.epoch === world.placement.migration?.epoch
}

/** The coordinator's owner is ACTIVE, or FORWARDING to the target of the open move. */
function ownerViolation(world: World, instance: Instance): string | null {
  const { placement, nodes } = world
  if (placement.ownerPassedOver || placement.owner === null) return null
  const row = nodes[instance.nodes.indexOf(placement.owner)]?.row ?? null
  if (row?.role === 'active' && row.epoch === placement.epoch) return null
  const open = openMigration(placement)
  if (open === null) return 'the migration is closed and the owner is not ACTIVE'
  if (row?.role !== 'forwarding' || row.epoch !== placement.epoch)
    return 'the owner is neither ACTIVE nor FORWARDING'
  if (row.target.node !== open.target || row.target.epoch !== open.epoch)
    return 'the owner forwards elsewhere'
  const target = nodes[instance.nodes.indexOf(open.target)]?.row ?? null
  const ready = (target?.role === 'staged' || target?.role === 'active') && target.epoch === open.epoch
  return ready ? null : 'the owner forwards to a node that does not expect it'
}

/** When everything has been told and collected, the sums are exact and nothing is left over. */
function settledViolation(world: World, state: Capsule): string | null {
  const { placement, audit, nodes } = world
  const settled =
    openMigration(placement) === null && placement.strays.length === 0 && !placement.ownerPassedOver
  if (!settled) return null
  if (state.usage + audit.late !== audit.booked) return 'usage was lost for good'
  if (placement.baselines.length > 0) return 'a baseline is left over'
  const left = nodes.some(({ name, row }) => name !== placement.owner && row !== null && row.role !== 'gone')
  return left ? 'a row is left over at a node that nobody will tell' : null
}

/** What is wrong with a step: epochs only grow, except that a swept tombstone is forgotten. */
export function stepViolation(before: World, after: World, name: string): string | null {
  if (after.placement.epoch < before.placement.epoch) return 'the epoch of the owner went back'
  if (after.placement.issuedEpoch < before.placement.issuedEpoch) return 'an epoch is issued again'
  if (name.endsWith('sweeps')) return null
  const back = after.nodes.some((node, index) => seenEpoch(node.row) < seenEpoch(before.nodes[index]!.row))
  return back ? 'the epoch of a node went back' : null
}
