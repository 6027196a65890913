/** The functions under test, and the five protocols of the design page that are broken on purpose. */

import {
  messageForStray,
  type NodeFacts,
  type NodeMessage,
  type NodeStep,
  nextMessages,
  onAnswer,
  onNodeMessage,
  planTakeover,
  type TenantRow,
} from '../../src/core/migration/index.ts'
import { ok } from '../../src/core/result.ts'
import type { Capsule } from './world.ts'

/** What the model drives. Everything the parties decide is decided here. */
export interface Protocol {
  readonly onNodeMessage: typeof onNodeMessage<Capsule>
  readonly onAnswer: typeof onAnswer<Capsule>
  readonly nextMessages: typeof nextMessages<Capsule>
  readonly planTakeover: typeof planTakeover<Capsule>
  readonly messageForStray: typeof messageForStray<Capsule>
  /** Whether tombstones outlive the messages they fence. */
  readonly tombstonesOutliveMessages: boolean
}

/** The handlers as they are. */
export const real: Protocol = {
  onNodeMessage,
  onAnswer,
  nextMessages,
  planTakeover,
  messageForStray,
  tombstonesOutliveMessages: true,
}

type Handler = (
  row: TenantRow<Capsule> | null,
  message: NodeMessage<Capsule>,
  facts: NodeFacts<Capsule>,
  real: () => NodeStep<Capsule>,
) => NodeStep<Capsule>

/** The real protocol with another behaviour at the nodes. */
function atNodes(handler: Handler): Protocol {
  return {
    ...real,
    onNodeMessage: (row, message, facts) =>
      handler(row, message, facts, () => onNodeMessage(row, message, facts)),
  }
}

/** The capsule carries balance and usage but forgets what of the sessions was booked. */
const noDedupe = atNodes((row, message, facts, asReal) => {
  if (message.kind !== 'handoff') return asReal()
  const freeze = () => {
    const capsule = facts.freeze()
    const forgotten = Object.keys(capsule.sessions).map((id) => [id, { granted: 0, used: 0 }])
    return { ...capsule, sessions: Object.fromEntries(forgotten) }
  }
  return onNodeMessage(row, message, { ...facts, freeze })
})

/** A source that has handed off takes its account back when the abort comes. */
const abortAfterHandoff = atNodes((row, message, facts, asReal) => {
  const left = row?.role === 'forwarding' && row.target.epoch === message.epoch
  if (message.kind !== 'abort' || !left) return asReal()
  const { epoch, capsule } = row
  const back = { role: 'active', epoch, origin: 'installed', fencedEpoch: message.epoch } as const
  const answer = {
    tenant: 't',
    epoch: message.epoch,
    node: facts.node,
    kind: 'aborted',
    side: 'source',
  } as const
  return { row: back, account: { kind: 'open', capsule }, answer, send: [] }
})

/** A repeated install opens the account from the capsule again. */
const installOverwrites = atNodes((row, message, _, asReal) => {
  const again = message.kind === 'install' && row?.role === 'active' && row.epoch === message.epoch
  return again ? { ...asReal(), account: { kind: 'open', capsule: message.capsule } } : asReal()
})

/** The coordinator commits when the source has handed off, without waiting for the target. */
const commitBeforeInstall: Protocol = {
  ...real,
  onAnswer: (placement, answer, nowMs, terms, latest) => {
    const step = onAnswer(placement, answer, nowMs, terms, latest)
    if (answer.kind !== 'handed' || step.placement === placement) return step
    const premature = { ...answer, kind: 'installed', origin: 'installed' } as const
    return onAnswer(step.placement, premature, nowMs, terms, latest)
  },
}

/** The source agrees to an abort without writing the fence. */
const noAbortFence = atNodes((row, message, _, asReal) => {
  const step = asReal()
  return message.kind === 'abort' && row?.role === 'active' ? { ...step, row } : step
})

/** The five of the design page. */
export const broken: Readonly<Record<string, Protocol>> = {
  'no dedupe in the capsule': noDedupe,
  'abort after handoff': abortAfterHandoff,
  'install that overwrites': installOverwrites,
  'commit before install': commitBeforeInstall,
  'no abort fence': noAbortFence,
}

/** Further ones, around the forced takeover and the tombstones. */
export const brokenTakeovers: Readonly<Record<string, Protocol>> = {
  'takeover without waiting for the lease to serve': {
    ...real,
    planTakeover: (placement, request, target, facts, nowMs) =>
      planTakeover(placement, request, target, { ...facts, lapsed: () => true }, nowMs),
  },
  'renewal before retirement': { ...real, messageForStray: () => null },
  'takeover from the bare checkpoint': {
    ...real,
    planTakeover: (placement, request, target, facts, nowMs) =>
      planTakeover(placement, request, target, { ...facts, presumeSpent: (capsule) => capsule }, nowMs),
  },
  'takeover that does not ask the target of an undecided move': {
    ...real,
    planTakeover: (placement, request, target, facts, nowMs) => {
      const plan = planTakeover(placement, request, target, facts, nowMs)
      if (!plan.ok || plan.value.migration === null) return plan
      return ok({ ...plan.value, migration: { ...plan.value.migration, bury: null } })
    },
  },
  'late usage booked from zero': {
    ...real,
    onAnswer: (placement, answer, nowMs, terms, latest) => {
      const step = onAnswer(placement, answer, nowMs, terms, latest)
      const { booking } = step
      return booking === null
        ? step
        : { ...step, booking: { ...booking, from: { ...booking.from, usage: 0 } } }
    },
  },
  'tombstones swept at once': { ...real, tombstonesOutliveMessages: false },
}

/** Protocols that lose nothing but come to no end. */
export const stuckProtocols: Readonly<Record<string, Protocol>> = {
  'a handoff is answered once': atNodes((row, message, facts, asReal) => {
    if (message.kind !== 'handoff' || row?.role !== 'forwarding') return asReal()
    const answer = { tenant: 't', epoch: message.epoch, node: facts.node, kind: 'draining' } as const
    return { row, account: null, answer, send: [] }
  }),
  'nothing is sent twice': {
    ...real,
    nextMessages: (placement, nowMs, terms) => {
      const phase = placement.migration?.phase
      const dispatch = nextMessages(placement, nowMs, terms)
      return phase === 'INSTALLING' ? { ...dispatch, messages: [] } : dispatch
    },
  },
}
