/**
 * A node's side of a forced takeover: the new owner's (`takeover`) and the former owner's (`retire`).
 *
 * A takeover has an epoch of its own, above every epoch any open migration used, so that one comparison
 * tells its messages from those of a move that it replaces.
 */

import { answered, gone, refused, seenEpoch } from './node-parts.ts'
import type { NodeFacts, NodeStep, Retire, RetiredRow, Takeover, TenantRow } from './types.ts'

/**
 * Be the owner, from the state the coordinator has. A capsule kept here for forwarding is replaced by the
 * message's, which the coordinator made from it. Refused: `full`, `stale-epoch`, and `occupied` where an
 * account of an older epoch has not been retired and collected yet.
 */
export function takeover<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Takeover<Capsule>,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  const { epoch } = message
  if (row?.role === 'active' && row.epoch === epoch) {
    return answered(row, message, facts, { kind: 'installed', origin: row.origin })
  }
  if (seenEpoch(row) >= epoch) return refused(row, message, facts, 'stale-epoch')
  if (row?.role === 'retired' || row?.role === 'active') return refused(row, message, facts, 'occupied')
  if (row?.role !== 'staged' && !facts.hasRoom(message.reserve)) return refused(row, message, facts, 'full')
  const next = { role: 'active', epoch, origin: 'takeover', fencedEpoch: 0 } as const
  const step = answered<Capsule>(next, message, facts, { kind: 'installed', origin: 'takeover' })
  return { ...step, account: { kind: 'open', capsule: message.capsule } }
}

/**
 * Stop serving at once and keep the last state until the coordinator has collected it (`release` ends
 * that). A node that holds no account writes a tombstone, so that nothing late can open one. Refused:
 * `stale-epoch` at a node that has since become the owner.
 */
export function retire<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Retire,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  const { epoch, home } = message
  if (row?.role === 'retired' && row.epoch === epoch) {
    return answered({ ...row, home: home ?? row.home }, message, facts, {
      kind: 'retired',
      capsule: row.capsule,
    })
  }
  if (row?.role === 'gone' && row.epoch >= epoch) {
    return answered<Capsule>(row, message, facts, { kind: 'retired', capsule: null })
  }
  if (seenEpoch(row) >= epoch) return refused(row, message, facts, 'stale-epoch')
  if (row === null || row.role === 'staged' || row.role === 'gone') {
    return answered<Capsule>(gone(epoch, home, facts), message, facts, { kind: 'retired', capsule: null })
  }
  const capsule = row.role === 'active' ? facts.freeze() : row.capsule
  const next: RetiredRow<Capsule> = { role: 'retired', epoch, home, capsule }
  const step = answered<Capsule>(next, message, facts, { kind: 'retired', capsule })
  return row.role === 'active' ? { ...step, account: { kind: 'close' } } : step
}
