/** The coordinator's side of the protocol: what to send now, and what an answer changes. */

import { enter, type Migration, type MigrationTerms, openMigration, type Placement } from './placement.ts'
import { type Booking, onStrayAnswer } from './strays.ts'
import type { AnswerBody, Home, NodeAnswer, Outgoing } from './types.ts'

/** What to send, and when to be woken. */
export interface Dispatch<Capsule> {
  readonly placement: Placement<Capsule>
  readonly messages: readonly Outgoing<Capsule>[]
  /** When the alarm has to ring next, `null` when nothing is open. */
  readonly alarmAtMs: number | null
}

/**
 * The message of the present phase if it is due (again), with exponential back-off while it stays
 * unanswered. Called after every change and by every alarm; calling it too often sends nothing twice.
 */
export function nextMessages<Capsule>(
  placement: Placement<Capsule>,
  nowMs: number,
  terms: MigrationTerms,
): Dispatch<Capsule> {
  const migration = openMigration(placement)
  if (migration === null) return { placement, messages: [], alarmAtMs: null }
  const { attempts, dueAtMs } = placement.retry
  // What is due later than any pause was made due by a clock that has since been set back: it is due now.
  const waits = nowMs < dueAtMs && dueAtMs - nowMs <= terms.retryMaxMs
  if (waits) return { placement, messages: [], alarmAtMs: dueAtMs }
  const backOffMs = Math.min(terms.retryMaxMs, terms.retryFirstMs * 2 ** Math.min(attempts, 30))
  const deadlineMs = migration.drainDeadlineMs
  const drains = deadlineMs !== null && nowMs < deadlineMs && deadlineMs - nowMs <= terms.drainMs
  const untilDeadlineMs = drains ? deadlineMs - nowMs : backOffMs
  const alarmAtMs = nowMs + Math.min(backOffMs, untilDeadlineMs)
  return {
    placement: { ...placement, retry: { attempts: attempts + 1, dueAtMs: alarmAtMs } },
    messages: [phaseMessage(migration, !drains)],
    alarmAtMs,
  }
}

/**
 * The one message an open migration waits for the answer of.
 * @param hurry whether a drain has lasted long enough
 */
function phaseMessage<Capsule>(migration: Migration<Capsule>, hurry: boolean): Outgoing<Capsule> {
  const { tenant, epoch, source, target, reserve, capsule, bury } = migration
  if (bury !== null) {
    const undecided = { kind: 'abort', tenant, epoch: bury.epoch, side: 'target' } as const
    return { to: bury.node, message: undecided }
  }
  if (migration.phase === 'TAKING_OVER' && capsule !== null) {
    return { to: target, message: { kind: 'takeover', tenant, epoch, reserve, capsule } }
  }
  if (migration.phase === 'ABORTING' && migration.fenced) {
    const side = migration.forced ? 'takeover' : 'target'
    return { to: target, message: { kind: 'abort', tenant, epoch, side } }
  }
  if (source === null) throw new Error(`${tenant}:${epoch} has no source in phase ${migration.phase}`)
  switch (migration.phase) {
    case 'PREPARING':
      return { to: target, message: { kind: 'prepare', tenant, epoch, source, reserve } }
    case 'HANDING_OFF':
      return { to: source.node, message: { kind: 'handoff', tenant, epoch, fromEpoch: source.epoch, target } }
    case 'INSTALLING':
      if (capsule === null) break
      return { to: target, message: { kind: 'install', tenant, epoch, capsule } }
    case 'COMMITTED':
      return { to: source.node, message: { kind: 'release', tenant, epoch, hurry } }
    case 'ABORTING':
      return { to: source.node, message: { kind: 'abort', tenant, epoch, side: 'source' } }
  }
  throw new Error(`${tenant}:${epoch} has nothing to send in phase ${migration.phase}`)
}

/** What an answer changed: the row to write, and usage to book in the same transaction. */
export interface Progress<Capsule> {
  readonly placement: Placement<Capsule>
  readonly booking: Booking<Capsule> | null
}

/**
 * Takes a node's answer in, however late, often or out of order it comes: one that the present phase does
 * not wait for leaves the row as it is (the same object).
 * @param latest of two states of one account the one with the larger usage totals
 */
export function onAnswer<Capsule>(
  placement: Placement<Capsule>,
  answer: NodeAnswer<Capsule>,
  nowMs: number,
  terms: MigrationTerms,
  latest: (a: Capsule, b: Capsule) => Capsule,
): Progress<Capsule> {
  if (answer.tenant !== placement.tenant) return { placement, booking: null }
  const migration = openMigration(placement)
  if (migration?.bury) {
    const next = onBuried(placement, migration.bury, answer, nowMs)
    return next === placement ? onStrayAnswer(placement, answer, latest) : { placement: next, booking: null }
  }
  if (migration !== null && migration.epoch === answer.epoch) {
    if (answer.kind === 'refused') {
      return { placement: onRefusal(placement, migration, answer, nowMs), booking: null }
    }
    const next = onStepAnswer(placement, migration, answer, nowMs, terms)
    if (next !== placement) return { placement: next, booking: null }
  }
  return onStrayAnswer(placement, answer, latest)
}

/** A step was done. */
function onStepAnswer<Capsule>(
  placement: Placement<Capsule>,
  migration: Migration<Capsule>,
  answer: NodeAnswer<Capsule>,
  nowMs: number,
  terms: MigrationTerms,
): Placement<Capsule> {
  const { phase, fenced, forced } = migration
  const movable = phase === 'HANDING_OFF' || (phase === 'ABORTING' && !fenced)
  switch (answer.kind) {
    case 'ready':
      return phase === 'PREPARING' ? enter(placement, { phase: 'HANDING_OFF' }, nowMs) : placement
    case 'handed': {
      if (!movable) return placement
      const { capsule } = answer
      return { ...enter(placement, { phase: 'INSTALLING', capsule }, nowMs), checkpoint: capsule }
    }
    case 'installed':
      if (forced) return taken(placement, migration, nowMs)
      return movable || phase === 'INSTALLING' ? committed(placement, migration, nowMs, terms) : placement
    case 'released':
      return phase === 'COMMITTED' ? enter(placement, { phase: 'DONE' }, nowMs) : placement
    case 'aborted':
      if (phase !== 'ABORTING') return placement
      if (answer.side === 'source')
        return fenced ? placement : enter(placement, { phase, fenced: true }, nowMs)
      return fenced ? aborted(placement, nowMs) : placement
    default:
      return placement
  }
}

/** A step was refused: a target that cannot take the tenant ends the attempt, all else is only noted. */
function onRefusal<Capsule>(
  placement: Placement<Capsule>,
  migration: Migration<Capsule>,
  answer: NodeAnswer<Capsule> & AnswerBody<Capsule> & { kind: 'refused' },
  nowMs: number,
): Placement<Capsule> {
  const lastRefusal = answer.refusal.text
  const { phase } = migration
  if (phase === 'PREPARING' && answer.step === 'prepare') {
    return enter(placement, { phase: 'ABORTING', lastRefusal }, nowMs)
  }
  if (phase === 'TAKING_OVER' && answer.step === 'takeover') {
    // Nothing to fence at a source: the former owner was passed over when the takeover was planned.
    return enter(placement, { phase: 'ABORTING', fenced: true, lastRefusal }, nowMs)
  }
  if (migration.lastRefusal === lastRefusal) return placement
  return { ...placement, migration: { ...migration, lastRefusal } }
}

/** Step 4: the target has the account. From here on edges are told the new node. */
function committed<Capsule>(
  placement: Placement<Capsule>,
  migration: Migration<Capsule>,
  nowMs: number,
  terms: MigrationTerms,
): Placement<Capsule> {
  const drainDeadlineMs = nowMs + terms.drainMs
  const next = enter(placement, { phase: 'COMMITTED', capsule: null, drainDeadlineMs }, nowMs)
  return { ...next, owner: migration.target, epoch: migration.epoch }
}

/** A takeover succeeded. */
function taken<Capsule>(
  placement: Placement<Capsule>,
  { target, epoch, capsule }: Migration<Capsule>,
  nowMs: number,
): Placement<Capsule> {
  const next = enter(placement, { phase: 'DONE', capsule: null }, nowMs)
  return { ...next, owner: target, epoch, ownerPassedOver: false, checkpoint: capsule }
}

/** The fence and the tombstone are written: the target never had the account and never will. */
function aborted<Capsule>(placement: Placement<Capsule>, nowMs: number): Placement<Capsule> {
  return enter(placement, { phase: 'ABORTED', capsule: null }, nowMs)
}

/**
 * The target of the undecided move has answered: it never gets the account now, and the takeover begins; or
 * it has it and is the owner, with all that the silent source had.
 */
function onBuried<Capsule>(
  placement: Placement<Capsule>,
  { node, epoch }: Home,
  answer: NodeAnswer<Capsule>,
  nowMs: number,
): Placement<Capsule> {
  if (answer.node !== node || answer.epoch !== epoch) return placement
  if (answer.kind === 'aborted') return enter(placement, { phase: 'TAKING_OVER', bury: null }, nowMs)
  if (answer.kind !== 'installed') return placement
  const takeoverEpoch = placement.migration?.epoch
  const baselines = placement.baselines.map((each) =>
    each.epoch === takeoverEpoch ? { ...each, capsule: null } : each,
  )
  const lastRefusal = `Node ${node} had the account; the move was completed.`
  const next = enter(placement, { phase: 'ABORTED', capsule: null, bury: null, lastRefusal }, nowMs)
  return { ...next, owner: node, epoch, ownerPassedOver: false, baselines }
}

/**
 * Keeps a state of the account that its owner reported, for a takeover to start from. One from any other
 * node or epoch, or one sent before the account left, is ignored.
 */
export function recordCheckpoint<Capsule>(
  placement: Placement<Capsule>,
  from: { readonly node: string; readonly epoch: number },
  capsule: Capsule,
): Placement<Capsule> {
  const leaving = openMigration(placement)?.phase === 'INSTALLING' || placement.ownerPassedOver
  if (leaving || from.node !== placement.owner || from.epoch !== placement.epoch) return placement
  return { ...placement, checkpoint: capsule }
}
