import { describe, expect, it } from 'vitest'
import {
  type AnswerBody,
  endDrain,
  homeOf,
  idOf,
  type MoveRequest,
  mayServe,
  type NodeAnswer,
  newPlacement,
  nextMessages,
  onAnswer,
  openMigration,
  type Placement,
  planMove,
  presumeServing,
  recordCheckpoint,
  renewServing,
  requestAbort,
  servingLapsed,
  type TargetFacts,
} from '../../src/core/migration/index.ts'
import type { Result } from '../../src/core/result.ts'

interface Capsule {
  readonly balance: number
  readonly usage: number
}

type Row = Placement<Capsule>

const terms = { retryFirstMs: 100, retryMaxMs: 1_000, drainMs: 5_000 }
const limits = { maxMovesIn: 2, maxMovesOut: 2 }
const capsule: Capsule = { balance: 7, usage: 3 }
const placed: Row = newPlacement<Capsule>('t', { node: 'a', epoch: 4 })
const request: MoveRequest = { tenant: 't', to: 'b', reserve: 10, reason: 'test' }
const ready: TargetFacts = { node: 'b', state: 'ready', freeRate: 10, movesIn: 0 }

const latest = (a: Capsule, b: Capsule) => (b.usage > a.usage ? b : a)

function must<T>(result: Result<T, { text: string }>): T {
  if (!result.ok) throw new Error(result.error.text)
  return result.value
}

const planned = (row = placed, nowMs = 0) => must(planMove(row, request, ready, 0, limits, nowMs))

/** Takes answers of the open migration in, one after the other. */
function after(row: Row, ...answers: [node: string, body: AnswerBody<Capsule>][]): Row {
  return answers.reduce((placement, [node, body]) => answerOf(placement, node, 5, body), row)
}

function answerOf(row: Row, node: string, epoch: number, body: AnswerBody<Capsule>): Row {
  const answer: NodeAnswer<Capsule> = { tenant: 't', epoch, node, ...body }
  return onAnswer(row, answer, 50, terms, latest).placement
}

const sent = (row: Row, nowMs = 1_000) => nextMessages(row, nowMs, terms).messages

const isReady = ['b', { kind: 'ready' }] as [string, AnswerBody<Capsule>]
const isHanded = ['a', { kind: 'handed', capsule }] as [string, AnswerBody<Capsule>]
const isInstalled = ['b', { kind: 'installed', origin: 'installed' }] as [string, AnswerBody<Capsule>]
const isReleased = ['a', { kind: 'released' }] as [string, AnswerBody<Capsule>]
const isFenced = ['a', { kind: 'aborted', side: 'source' }] as [string, AnswerBody<Capsule>]
const isBuried = ['b', { kind: 'aborted', side: 'target' }] as [string, AnswerBody<Capsule>]

const refusedStep = (step: 'prepare' | 'handoff', code: 'full' | 'stale-epoch') =>
  ['b', { kind: 'refused', step, refusal: { code, text: code } }] as [string, AnswerBody<Capsule>]

describe('planning a move', () => {
  it('opens a migration with an epoch never used before', () => {
    const row = planned()
    expect(row).toMatchObject({ owner: 'a', epoch: 4, issuedEpoch: 5 })
    expect(row.migration).toMatchObject({ phase: 'PREPARING', epoch: 5, source: { node: 'a', epoch: 4 } })
    expect(idOf(row.migration!)).toBe('t:5')
    const aborted = after(must(requestAbort(row, 1)), isFenced, isBuried)
    expect(planned(aborted).migration).toMatchObject({ epoch: 6, source: { node: 'a', epoch: 4 } })
  })

  it.each([
    ['unknown-tenant', undefined, request, ready, 0],
    ['unknown-node', placed, request, undefined, 0],
    ['same-node', placed, { ...request, to: 'a' }, { ...ready, node: 'a' }, 0],
    ['migration-open', planned(), { ...request, to: 'c' }, { ...ready, node: 'c' }, 0],
    ['cordoned', placed, request, { ...ready, state: 'cordoned' }, 0],
    ['failed-node', placed, request, { ...ready, state: 'failed' }, 0],
    ['full', placed, request, { ...ready, freeRate: 9 }, 0],
    ['busy-node', placed, request, { ...ready, movesIn: 2 }, 0],
    ['busy-node', placed, request, ready, 2],
    ['not-placed', newPlacement<Capsule>('t'), request, ready, 0],
    ['not-placed', { ...placed, ownerPassedOver: true }, request, ready, 0],
    ['leftover', { ...placed, strays: [{ node: 'b', epoch: 3, step: 'retire' }] }, request, ready, 0],
  ] as const)('refuses: %s', (code, row, asked, target, movesOut) => {
    const before = structuredClone(row)
    const result = planMove(row, asked, target, movesOut, limits, 0)
    expect(result).toMatchObject({ ok: false, error: { code } })
    expect(!result.ok && result.error.text.length > 20).toBe(true)
    expect(row).toEqual(before)
  })
})

describe('the steps of a move', () => {
  it('go prepare, handoff, install, commit, release', () => {
    const row = planned()
    expect(sent(row)).toMatchObject([{ to: 'b', message: { kind: 'prepare', epoch: 5 } }])
    const preparedRow = after(row, isReady)
    expect(sent(preparedRow)).toMatchObject([
      { to: 'a', message: { kind: 'handoff', fromEpoch: 4, target: 'b' } },
    ])
    const handedRow = after(preparedRow, isHanded)
    expect(sent(handedRow)).toMatchObject([{ to: 'b', message: { kind: 'install', capsule } }])
    expect(homeOf(handedRow)).toEqual({ node: 'a', epoch: 4 })
    const committedRow = after(handedRow, isInstalled)
    expect(homeOf(committedRow)).toEqual({ node: 'b', epoch: 5 })
    expect(committedRow.migration).toMatchObject({
      phase: 'COMMITTED',
      capsule: null,
      drainDeadlineMs: 5_050,
    })
    expect(sent(committedRow)).toMatchObject([{ to: 'a', message: { kind: 'release', hurry: false } }])
    const doneRow = after(committedRow, isReleased)
    expect(doneRow.migration?.history.map(({ phase }) => phase)).toEqual([
      'PREPARING',
      'HANDING_OFF',
      'INSTALLING',
      'COMMITTED',
      'DONE',
    ])
    expect(nextMessages(doneRow, 9e9, terms)).toMatchObject({ messages: [], alarmAtMs: null })
  })

  it('a lost answer to the handoff does not matter when the target has the capsule', () => {
    expect(after(planned(), isReady, isInstalled)).toMatchObject({ owner: 'b', epoch: 5 })
  })

  it('answers of another phase, another migration or another tenant leave the row as it is', () => {
    const all = [isReady, isHanded, isInstalled, isReleased, isFenced, isBuried]
    const phases: [Row, typeof all][] = [
      [planned(), [isHanded, isInstalled, isReleased, isFenced, isBuried]],
      [after(planned(), isReady), [isReady, isReleased, isFenced, isBuried]],
      [after(planned(), isReady, isHanded), [isReady, isHanded, isReleased, isFenced, isBuried]],
      [
        after(planned(), isReady, isHanded, isInstalled),
        [isReady, isHanded, isInstalled, isFenced, isBuried],
      ],
      [after(planned(), isReady, isHanded, isInstalled, isReleased), all],
      [after(must(requestAbort(planned(), 1)), isFenced, isBuried), all],
    ]
    for (const [row, late] of phases) {
      for (const [node, body] of late) expect(answerOf(row, node, 5, body)).toBe(row)
      for (const [node, body] of all) expect(answerOf(row, node, 4, body)).toBe(row)
      for (const [node, body] of all) {
        const foreign = { tenant: 'u', epoch: 5, node, ...body }
        expect(onAnswer(row, foreign, 50, terms, latest).placement).toBe(row)
      }
    }
  })

  it('a target that refuses ends in ABORTED, the refusal stays readable', () => {
    const row = after(planned(), refusedStep('prepare', 'full'))
    expect(row.migration).toMatchObject({ phase: 'ABORTING', lastRefusal: 'full' })
    const end = after(row, isFenced, isBuried)
    expect(end.migration).toMatchObject({ phase: 'ABORTED', lastRefusal: 'full' })
    expect(homeOf(end)).toEqual({ node: 'a', epoch: 4 })
  })

  it('a late refusal of a step that was repeated and obeyed is only noted', () => {
    const row = after(planned(), isReady, refusedStep('prepare', 'full'))
    expect(row.migration).toMatchObject({ phase: 'HANDING_OFF', lastRefusal: 'full' })
  })
})

describe('aborting', () => {
  const aborting = (row: Row) => must(requestAbort(row, 1))

  it('fences the source first, then buries the target', () => {
    const row = aborting(after(planned(), isReady))
    expect(sent(row)).toMatchObject([{ to: 'a', message: { kind: 'abort', side: 'source' } }])
    expect(after(row, isBuried)).toBe(row)
    const fenced = after(row, isFenced)
    expect(sent(fenced)).toMatchObject([{ to: 'b', message: { kind: 'abort', side: 'target' } }])
    expect(after(fenced, isBuried).migration?.phase).toBe('ABORTED')
  })

  it('rolls forward when the account had left already', () => {
    expect(after(aborting(after(planned(), isReady)), isHanded).migration).toMatchObject({
      phase: 'INSTALLING',
      capsule,
    })
    expect(after(aborting(after(planned(), isReady)), isInstalled).owner).toBe('b')
  })

  it('is refused once it is too late, and asking twice is asking once', () => {
    const row = aborting(planned())
    expect(must(requestAbort(row, 2))).toBe(row)
    const handedRow = after(planned(), isReady, isHanded)
    expect(requestAbort(handedRow, 2)).toMatchObject({ ok: false, error: { code: 'too-late' } })
    expect(requestAbort(placed, 2)).toMatchObject({ ok: false, error: { code: 'no-migration' } })
  })
})

describe('sending again', () => {
  it('backs off to the longest pause and starts afresh with every phase', () => {
    let row = planned(placed, 0)
    let nowMs = 0
    const pauses: number[] = []
    for (let attempt = 0; attempt < 6; attempt += 1) {
      const dispatch = nextMessages(row, nowMs, terms)
      expect(dispatch.messages).toHaveLength(1)
      expect(nextMessages(dispatch.placement, dispatch.alarmAtMs! - 1, terms).messages).toEqual([])
      pauses.push(dispatch.alarmAtMs! - nowMs)
      row = dispatch.placement
      nowMs = dispatch.alarmAtMs!
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000])
    const next = after(row, isReady)
    expect(nextMessages(next, 50, terms)).toMatchObject({ messages: [{ to: 'a' }], alarmAtMs: 150 })
  })

  it('a drain ends at its deadline, or when told to', () => {
    const row = after(planned(), isReady, isHanded, isInstalled)
    const early = nextMessages(row, 5_000, terms)
    expect(early.messages).toMatchObject([{ message: { hurry: false } }])
    expect(early.alarmAtMs).toBe(5_050)
    expect(sent(early.placement, 5_050)).toMatchObject([{ message: { hurry: true } }])
    const ended = must(endDrain(row, 200))
    expect(sent(ended, 200)).toMatchObject([{ message: { hurry: true } }])
    expect(endDrain(planned(), 1)).toMatchObject({ ok: false, error: { code: 'no-migration' } })
  })
})

describe('a clock that is set back by an hour', () => {
  const HOUR_MS = 3_600_000

  it('does not keep a message from being sent again', () => {
    const first = nextMessages(planned(placed, HOUR_MS), HOUR_MS, terms).placement
    expect(nextMessages(first, 1, terms).messages).toHaveLength(1)
  })

  it('does not make a drain last for an hour', () => {
    const handed = ['a', { kind: 'handed', capsule }] as [string, AnswerBody<Capsule>]
    const installed = ['b', { kind: 'installed', origin: 'installed' }] as [string, AnswerBody<Capsule>]
    const committed = onAnswer(
      after(planned(placed, HOUR_MS), isReady, handed),
      { tenant: 't', epoch: 5, node: installed[0], ...installed[1] },
      HOUR_MS,
      terms,
      latest,
    ).placement
    expect(sent(committed, 1)[0]?.message).toMatchObject({ kind: 'release', hurry: true })
  })
})

describe('the checkpoint', () => {
  it('comes from the owner at its epoch, and not after the account has left', () => {
    const other = { balance: 1, usage: 9 }
    expect(recordCheckpoint(placed, { node: 'a', epoch: 4 }, other).checkpoint).toBe(other)
    expect(recordCheckpoint(placed, { node: 'b', epoch: 4 }, other)).toBe(placed)
    expect(recordCheckpoint(placed, { node: 'a', epoch: 3 }, other)).toBe(placed)
    const handedRow = after(planned(), isReady, isHanded)
    expect(handedRow.checkpoint).toBe(capsule)
    expect(recordCheckpoint(handedRow, { node: 'a', epoch: 4 }, other)).toBe(handedRow)
    const committedRow = after(handedRow, isInstalled)
    expect(recordCheckpoint(committedRow, { node: 'b', epoch: 5 }, other).checkpoint).toBe(other)
    expect(openMigration(committedRow)?.phase).toBe('COMMITTED')
  })
})

describe('the lease to serve', () => {
  const lease = { ttlMs: 10_000, marginMs: 500 }

  it('ends at the node before the coordinator presumes so, however long the heartbeat took', () => {
    for (const delayMs of [0, 1, 400, 9_000, 20_000]) {
      const validUntilMs = renewServing(1_000, 0, lease)
      const presumedUntilMs = presumeServing(1_000 + delayMs, 0, lease)
      expect(validUntilMs).toBeLessThan(presumedUntilMs)
      expect(mayServe(validUntilMs - 1, validUntilMs)).toBe(true)
      expect(mayServe(validUntilMs, validUntilMs)).toBe(false)
      expect(servingLapsed(validUntilMs, presumedUntilMs)).toBe(false)
      expect(servingLapsed(presumedUntilMs, presumedUntilMs)).toBe(true)
    }
  })

  it('is not shortened by an answer that comes late', () => {
    const later = renewServing(5_000, 0, lease)
    expect(renewServing(1_000, later, lease)).toBe(later)
    expect(presumeServing(1_000, 99_000, lease)).toBe(99_000)
  })
})
