/**
 * A node's side of an ordinary move: prepare, handoff, install, pull, release, abort.
 *
 * Every handler is idempotent: a message that was obeyed before gets the same answer again and changes
 * nothing, a message of an older epoch is refused and changes nothing.
 */

import { answered, gone, refused, seenEpoch } from './node-parts.ts'
import type {
  ForwardingRow,
  Handoff,
  Install,
  NodeFacts,
  NodeStep,
  Prepare,
  Pull,
  Release,
  TenantRow,
} from './types.ts'

/** Step 1 at the target: reserve room and wait. Refused: `full`, `occupied`, `stale-epoch`. */
export function prepare<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Prepare,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'active' && row.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'installed', origin: row.origin })
  }
  if (row?.role === 'staged' && row.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'ready' })
  }
  if (seenEpoch(row) >= message.epoch) return refused(row, message, facts, 'stale-epoch')
  if (row !== null && row.role !== 'staged' && row.role !== 'gone') {
    return refused(row, message, facts, 'occupied')
  }
  if (!facts.hasRoom(message.reserve)) return refused(row, message, facts, 'full')
  const { epoch, source, reserve } = message
  return answered({ role: 'staged', epoch, source, reserve }, message, facts, { kind: 'ready' })
}

/**
 * Step 2 at the source: the account becomes a capsule, this node forwards from now on and never changes
 * that ledger again. Refused: `aborted` (the fence), `stale-epoch`, `unknown-tenant`.
 */
export function handoff<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Handoff,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'forwarding' && row.target.epoch === message.epoch) {
    return handed(row, message, facts)
  }
  if (row?.role === 'active' && row.epoch === message.fromEpoch) {
    if (row.fencedEpoch >= message.epoch) return refused(row, message, facts, 'aborted')
    const target = { node: message.target, epoch: message.epoch }
    const next: ForwardingRow<Capsule> = {
      role: 'forwarding',
      epoch: row.epoch,
      target,
      capsule: facts.freeze(),
    }
    return { ...handed(next, message, facts), account: { kind: 'close' } }
  }
  return refused(row, message, facts, row === null ? 'unknown-tenant' : 'stale-epoch')
}

/** The answer to a handoff, and the capsule on its way to the target. */
function handed<Capsule>(
  row: ForwardingRow<Capsule>,
  message: Handoff,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  const step = answered<Capsule>(row, message, facts, { kind: 'handed', capsule: row.capsule })
  return { ...step, send: [{ to: row.target.node, message: installMessage(message.tenant, row) }] }
}

/** The message that carries the capsule of a forwarding row. */
export function installMessage<Capsule>(tenant: string, row: ForwardingRow<Capsule>): Install<Capsule> {
  return { kind: 'install', tenant, epoch: row.target.epoch, capsule: row.capsule }
}

/** Step 3 at the target: the capsule becomes the account, once. Refused: `not-staged`, `stale-epoch`. */
export function install<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Install<Capsule>,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'active' && row.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'installed', origin: row.origin })
  }
  if (row?.role === 'staged' && row.epoch === message.epoch) {
    const next = { role: 'active', epoch: message.epoch, origin: 'installed', fencedEpoch: 0 } as const
    const step = answered<Capsule>(next, message, facts, { kind: 'installed', origin: 'installed' })
    return { ...step, account: { kind: 'open', capsule: message.capsule } }
  }
  return refused(row, message, facts, seenEpoch(row) >= message.epoch ? 'stale-epoch' : 'not-staged')
}

/** A staged target asks for the capsule. Changes nothing; refused with `not-yet` while this node serves. */
export function pull<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Pull,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'forwarding' && row.target.epoch === message.epoch) {
    return answered(row, message, facts, { kind: 'handed', capsule: row.capsule })
  }
  if (row?.role === 'active' && row.epoch < message.epoch) return refused(row, message, facts, 'not-yet')
  return refused(row, message, facts, row === null ? 'unknown-tenant' : 'stale-epoch')
}

/**
 * Step 6 at the source, or the end of a retired row: the capsule is dropped, a tombstone stays. Answers
 * `draining` while edges still send here, unless the drain deadline has passed. Refused: `occupied` at a
 * node whose account is live, which the protocol never asks for.
 */
export function release<Capsule>(
  row: TenantRow<Capsule> | null,
  message: Release,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  if (row?.role === 'forwarding' && row.target.epoch === message.epoch) {
    if (!facts.drained && !message.hurry) return answered(row, message, facts, { kind: 'draining' })
    return answered(gone(message.epoch, row.target, facts), message, facts, { kind: 'released' })
  }
  if (row?.role === 'retired' && row.epoch === message.epoch) {
    return answered(gone(message.epoch, row.home, facts), message, facts, { kind: 'released' })
  }
  if (row?.role === 'active' && row.epoch < message.epoch) return refused(row, message, facts, 'occupied')
  return answered(row, message, facts, { kind: 'released' })
}
