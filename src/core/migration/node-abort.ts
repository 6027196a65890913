/** A node's side of an abort: the fence at the source, the tombstone at the target. */

import { answered, gone, refused } from './node-parts.ts'
import type { Abort, NodeFacts, NodeStep, TenantRow } from './types.ts'

/**
 * Steps A1 and A2. A party that has gone too far says so, and the migration can only be completed: the
 * source that has handed off answers `handed`, the target with the account `installed`. Refused:
 * `unknown-tenant` or `stale-epoch` at a source that holds no account to fence.
 */
export function abort<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Abort,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'forwarding' && row.target.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'handed', capsule: row.capsule })
  }
  if (row?.role === 'active' && row.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'installed', origin: row.origin })
  }
  return message.side === 'source' ? fence(row, message, facts) : bury(row, message, facts)
}

/** A1: the source keeps its account, and a handoff of this or an earlier epoch cannot take it any more. */
function fence<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Abort,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  const { epoch, side } = message
  if (row?.role !== 'active' || row.epoch > epoch) {
    return refused(row, message, facts, row === null ? 'unknown-tenant' : 'stale-epoch')
  }
  const fenced = row.fencedEpoch >= epoch ? row : { ...row, fencedEpoch: epoch }
  return answered<Capsule>(fenced, message, facts, { kind: 'aborted', side })
}

/**
 * A2: a tombstone, so that nothing late of this epoch can open an account here. A capsule kept for
 * forwarding gives way to it only when a takeover is aborted: the coordinator plans one to such a node only
 * with that capsule in hand.
 */
function bury<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Abort,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  const { epoch, side } = message
  const aborted = { kind: 'aborted', side } as const
  const replaceable =
    row === null ||
    (row.role === 'staged' && row.epoch <= epoch) ||
    (row.role === 'gone' && row.epoch < epoch) ||
    (row.role === 'forwarding' && row.target.epoch < epoch && side === 'takeover')
  if (!replaceable) return answered<Capsule>(row, message, facts, aborted)
  const home = row?.role === 'staged' ? row.source : null
  return answered<Capsule>(gone(epoch, home, facts), message, facts, aborted)
}
