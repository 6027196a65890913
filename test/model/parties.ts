/** One message at one party, by the functions under test. */

import type { NodeAnswer, NodeFacts, NodeMessage, Placement } from '../../src/core/migration/index.ts'
import { ask, type LeaseOutcome, onLease } from './edge-model.ts'
import { memo } from './memo.ts'
import type { Protocol } from './protocol.ts'
import {
  type Capsule,
  type Edge,
  type Envelope,
  type Instance,
  type LeaseMessage,
  latest,
  type NodeState,
} from './world.ts'

/** The model knows no time: whatever may be late is late in some run. Tombstones outlive messages. */
export const terms = { retryFirstMs: 1, retryMaxMs: 1, drainMs: 1 }

/** A node after a message of the protocol, and what it sends. */
export interface NodeOutcome {
  readonly node: NodeState
  readonly send: readonly Envelope[]
}

/** The coordinator after an answer, and the usage that was booked late. */
export interface AnswerOutcome {
  readonly placement: Placement<Capsule>
  readonly late: number
}

/** An instance with the functions that drive it, each pure and remembered. */
export interface Model {
  readonly instance: Instance
  readonly protocol: Protocol
  readonly atNode: (node: NodeState, message: NodeMessage<Capsule>) => NodeOutcome
  readonly atFullNode: (node: NodeState, message: NodeMessage<Capsule>) => NodeOutcome
  readonly lease: (node: NodeState, message: LeaseMessage) => LeaseOutcome
  readonly drainedLease: (node: NodeState, message: LeaseMessage) => LeaseOutcome
  readonly atCoordinator: (placement: Placement<Capsule>, answer: NodeAnswer<Capsule>) => AnswerOutcome
  readonly alarm: (placement: Placement<Capsule>) => readonly Envelope[]
  readonly ask: (edge: Edge) => Envelope
}

/** Prepares an instance for exploration. */
export function modelOf(instance: Instance, protocol: Protocol): Model {
  const always = {}
  const alarm = memo((placement: Placement<Capsule>, _: object) =>
    protocol
      .nextMessages(placement, 0, terms)
      .messages.map(({ to, message }): Envelope => ({ to: 'node', node: to, body: message })),
  )
  const asks = memo((edge: Edge, _: object) => ask(edge))
  return {
    instance,
    protocol,
    atNode: memo((node, message) => nodeOutcome(protocol, node, message, true)),
    atFullNode: memo((node, message) => nodeOutcome(protocol, node, message, false)),
    lease: memo((node, message) => onLease(node, message, false)),
    drainedLease: memo((node, message) => onLease(node, message, true)),
    atCoordinator: memo((placement, answer) => {
      const step = protocol.onAnswer(placement, answer, 0, terms, latest)
      const { booking } = step
      return { placement: step.placement, late: booking === null ? 0 : booking.to.usage - booking.from.usage }
    }),
    alarm: (placement) => alarm(placement, always),
    ask: (edge) => asks(edge, always),
  }
}

/** A migration message at a node: row and account change together, answers are addressed. */
function nodeOutcome(
  protocol: Protocol,
  before: NodeState,
  message: NodeMessage<Capsule>,
  hasRoom: boolean,
): NodeOutcome {
  const facts: NodeFacts<Capsule> = {
    node: before.name,
    nowMs: 0,
    tombstoneTtlMs: 1,
    hasRoom: () => hasRoom,
    freeze: () => before.account!,
    drained: true,
  }
  const { row, account, answer, send } = protocol.onNodeMessage(before.row, message, facts)
  const kept = account === null ? before.account : account.kind === 'open' ? account.capsule : null
  const changed = row !== before.row || kept !== before.account
  const sent = send.map(({ to, message: body }): Envelope => ({ to: 'node', node: to, body }))
  return {
    node: changed ? { ...before, row, account: kept } : before,
    send: [...replies(message, answer, before), ...sent],
  }
}

/** Where an answer goes: a pull's to the node that asked, all others to the coordinator. */
function replies(message: NodeMessage<Capsule>, answer: NodeAnswer<Capsule>, before: NodeState): Envelope[] {
  if (message.kind === 'pull') {
    const target = before.row?.role === 'forwarding' ? before.row.target.node : null
    if (answer.kind !== 'handed' || target === null) return []
    const { tenant, epoch, capsule } = answer
    return [{ to: 'node', node: target, body: { kind: 'install', tenant, epoch, capsule } }]
  }
  // Other refusals are only noted for people, and draining only means "ask again".
  const decides = answer.kind !== 'refused' || answer.step === 'prepare' || answer.step === 'takeover'
  return decides ? [{ to: 'coordinator', body: answer }] : []
}
