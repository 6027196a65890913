/** What the node's handlers share. */

import type { StepRefusalCode } from './refusals.ts'
import { refuseStep } from './step-refusals.ts'
import type { AnswerBody, GoneRow, Home, NodeFacts, NodeMessage, NodeStep, TenantRow } from './types.ts'

/** Highest epoch of the tenant this node has acted on; 0 where it knows nothing. */
export function seenEpoch(row: TenantRow<unknown> | null): number {
  if (row === null) return 0
  if (row.role === 'forwarding') return row.target.epoch
  if (row.role === 'active') return Math.max(row.epoch, row.fencedEpoch)
  return row.epoch
}

type TombstoneFacts = Pick<NodeFacts<unknown>, 'nowMs' | 'tombstoneTtlMs'>

/** A tombstone that fences everything up to `epoch`. */
export function gone(epoch: number, home: Home | null, facts: TombstoneFacts): GoneRow {
  return { role: 'gone', epoch, home, keepUntilMs: facts.nowMs + facts.tombstoneTtlMs }
}

/** A step that leaves the ledger alone and sends nothing but its answer. */
export function answered<Capsule>(
  row: TenantRow<Capsule> | null,
  message: NodeMessage<Capsule>,
  facts: NodeFacts<Capsule>,
  body: AnswerBody<Capsule>,
): NodeStep<Capsule> {
  const answer = { tenant: message.tenant, epoch: message.epoch, node: facts.node, ...body }
  return { row, account: null, answer, send: [] }
}

/** A step that changes nothing. */
export function refused<Capsule>(
  row: TenantRow<Capsule> | null,
  message: NodeMessage<Capsule>,
  facts: NodeFacts<Capsule>,
  code: StepRefusalCode,
): NodeStep<Capsule> {
  const refusal = refuseStep(code, { tenant: message.tenant, node: facts.node })
  return answered(row, message, facts, { kind: 'refused', step: message.kind, refusal })
}
