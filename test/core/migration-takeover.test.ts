import { describe, expect, it } from 'vitest'
import {
  type AnswerBody,
  leaveBehind,
  messageForStray,
  newPlacement,
  nextMessages,
  onAnswer,
  type Placement,
  planMove,
  planTakeover,
  recordCheckpoint,
  requestAbort,
  type TargetFacts,
} from '../../src/core/migration/index.ts'
import type { Result } from '../../src/core/result.ts'

interface Capsule {
  readonly balance: number
  readonly usage: number
}

type Row = Placement<Capsule>
type Body = AnswerBody<Capsule>

const terms = { retryFirstMs: 100, retryMaxMs: 1_000, drainMs: 5_000 }
const limits = { maxMovesIn: 9, maxMovesOut: 9 }
const checkpoint: Capsule = { balance: 7, usage: 3 }
const fresh: Capsule = { balance: 10, usage: 0 }
const placed: Row = { ...newPlacement<Capsule>('t', { node: 'a', epoch: 4 }), checkpoint }

const latest = (a: Capsule, b: Capsule) => (b.usage > a.usage ? b : a)
const presumeSpent = (capsule: Capsule) => ({ ...capsule, balance: 0 })
const target = (node: string): TargetFacts => ({ node, state: 'ready', freeRate: 10, movesIn: 0 })

function force(row: Row, to: string, lapsed: readonly string[], facts: Partial<TargetFacts> = {}) {
  const request = { tenant: 't', to, reserve: 10, reason: 'silent' }
  const takeover = { fresh, presumeSpent, lapsed: (node: string) => lapsed.includes(node) }
  return planTakeover(row, request, { ...target(to), ...facts }, takeover, 100)
}

function move(row: Row, to: string): Row {
  const request = { tenant: 't', to, reserve: 10, reason: 'test' }
  return must(planMove(row, request, target(to), 0, limits, 0))
}

function must<T>(result: Result<T, { text: string }>): T {
  if (!result.ok) throw new Error(result.error.text)
  return result.value
}

function answer(row: Row, node: string, epoch: number, body: Body) {
  return onAnswer(row, { tenant: 't', epoch, node, ...body }, 200, terms, latest)
}

const after = (row: Row, ...answers: [string, number, Body][]) =>
  answers.reduce((placement, [node, epoch, body]) => answer(placement, node, epoch, body).placement, row)

const ready: [string, number, Body] = ['b', 5, { kind: 'ready' }]
const handed: [string, number, Body] = ['a', 5, { kind: 'handed', capsule: { balance: 6, usage: 4 } }]
const fenced: [string, number, Body] = ['a', 5, { kind: 'aborted', side: 'source' }]
const installed = (node: string, epoch: number, origin: 'installed' | 'takeover' = 'takeover') =>
  [node, epoch, { kind: 'installed', origin }] as [string, number, Body]

describe('a forced takeover', () => {
  it('starts from the checkpoint with everything outstanding counted as spent', () => {
    const row = must(force(placed, 'b', ['a']))
    expect(nextMessages(row, 100, terms).messages).toEqual([
      {
        to: 'b',
        message: { kind: 'takeover', tenant: 't', epoch: 5, reserve: 10, capsule: { balance: 0, usage: 3 } },
      },
    ])
    expect(row).toMatchObject({ owner: 'a', ownerPassedOver: true })
    expect(recordCheckpoint(row, { node: 'a', epoch: 4 }, fresh)).toBe(row)
    const done = after(row, installed('b', 5))
    expect(done).toMatchObject({ owner: 'b', epoch: 5, ownerPassedOver: false, migration: { phase: 'DONE' } })
  })

  it('waits until the lease to serve of every possible owner has lapsed', () => {
    expect(force(placed, 'b', [])).toMatchObject({ ok: false, error: { code: 'still-serving' } })
    const handing = after(move(placed, 'b'), ready)
    expect(force(handing, 'c', [])).toMatchObject({ ok: false, error: { code: 'still-serving' } })
    expect(force(handing, 'c', ['a', 'b'])).toMatchObject({ ok: true, value: { migration: { bury: null } } })
    const installing = after(handing, handed)
    expect(force(installing, 'c', ['a'])).toMatchObject({ ok: false, error: { code: 'still-serving' } })
    expect(force(installing, 'a', ['b'])).toMatchObject({ ok: true })
    const committed = after(installing, installed('b', 5, 'installed'))
    expect(force(committed, 'c', ['a'])).toMatchObject({ ok: false, error: { code: 'still-serving' } })
    expect(must(force(committed, 'c', ['b'])).strays.map(({ node }) => node)).toEqual(['b', 'a'])
    const taking = must(force(placed, 'b', ['a']))
    expect(force(taking, 'c', ['a'])).toMatchObject({ ok: false, error: { code: 'still-serving' } })
    expect(force(taking, 'c', ['b'])).toMatchObject({ ok: true })
  })

  it.each([
    ['same-node', placed, 'a', {}],
    ['leftover', must(force(placed, 'b', ['a'])), 'b', {}],
    ['leftover', after(move(placed, 'b'), ready), 'b', {}],
    ['leftover', after(move(placed, 'b'), ready, handed), 'b', {}],
    ['leftover', must(force(placed, 'b', ['a'])), 'a', {}],
    ['leftover', after(move(placed, 'b'), ready, handed, installed('b', 5)), 'a', {}],
    ['cordoned', placed, 'b', { state: 'cordoned' }],
    ['failed-node', placed, 'b', { state: 'failed' }],
    ['failed-node', move(placed, 'b'), 'b', { state: 'failed' }],
    ['full', placed, 'b', { freeRate: 9 }],
  ] as const)('refuses: %s', (code, row, to, facts) => {
    expect(force(row, to, ['a', 'b'], facts)).toMatchObject({ ok: false, error: { code } })
  })

  it.each(['b', 'c'])('asks the target of an undecided move before it goes to %s', (to) => {
    const row = must(force(after(move(placed, 'b'), ready), to, ['a']))
    const asked = { kind: 'abort', tenant: 't', epoch: 5, side: 'target' }
    expect(nextMessages(row, 100, terms).messages).toEqual([{ to: 'b', message: asked }])
    const buried = after(row, ['b', 5, { kind: 'aborted', side: 'target' }])
    expect(nextMessages(buried, 300, terms).messages).toMatchObject([
      { to, message: { kind: 'takeover', epoch: 6 } },
    ])
    expect(after(buried, installed(to, 6))).toMatchObject({ owner: to, epoch: 6 })
  })

  it('leaves the tenant where the undecided move has brought it', () => {
    const row = must(force(after(move(placed, 'b'), ready), 'c', ['a']))
    const end = after(row, installed('b', 5, 'installed'))
    expect(end).toMatchObject({
      owner: 'b',
      epoch: 5,
      ownerPassedOver: false,
      migration: { phase: 'ABORTED', lastRefusal: 'Node b had the account; the move was completed.' },
    })
    const booked = answer(end, 'a', 6, { kind: 'retired', capsule: { balance: 1, usage: 8 } })
    expect(booked.booking).toBeNull()
    expect(booked.placement.strays).toEqual([{ node: 'a', epoch: 6, step: 'release' }])
  })

  it('places a new tenant, with a full account', () => {
    const row = must(force(newPlacement<Capsule>('t'), 'b', []))
    expect(row).toMatchObject({ strays: [], migration: { phase: 'TAKING_OVER', capsule: fresh } })
    expect(after(row, installed('b', 1))).toMatchObject({ owner: 'b', epoch: 1, checkpoint: fresh })
    const again = must(force(newPlacement<Capsule>('t', null, 7), 'b', []))
    expect(again.migration).toMatchObject({ epoch: 8, source: null })
  })

  it('that the target refuses is aborted there, and another node is tried from the same checkpoint', () => {
    const refusal = { code: 'full', text: 'full' } as const
    const row = after(must(force(placed, 'b', ['a'])), [
      'b',
      5,
      { kind: 'refused', step: 'takeover', refusal },
    ])
    expect(nextMessages(row, 300, terms).messages).toMatchObject([
      { to: 'b', message: { kind: 'abort', side: 'takeover' } },
    ])
    const aborted = after(row, ['b', 5, { kind: 'aborted', side: 'takeover' }])
    expect(aborted).toMatchObject({ ownerPassedOver: true, migration: { phase: 'ABORTED' } })
    const again = must(force(aborted, 'c', []))
    expect(again.strays).toEqual([{ node: 'a', epoch: 5, step: 'retire' }])
    expect(again.migration).toMatchObject({ epoch: 6, capsule: { balance: 0, usage: 3 } })
  })

  it('that was refused once and obeyed once is done', () => {
    const refusal = { code: 'full', text: 'full' } as const
    const row = after(must(force(placed, 'b', ['a'])), [
      'b',
      5,
      { kind: 'refused', step: 'takeover', refusal },
    ])
    expect(after(row, installed('b', 5))).toMatchObject({ owner: 'b', migration: { phase: 'DONE' } })
  })

  it('cannot be aborted on request', () => {
    const row = must(force(placed, 'b', ['a']))
    expect(requestAbort(row, 1)).toMatchObject({ ok: false, error: { code: 'too-late' } })
  })
})

describe('a node that comes back', () => {
  const taken = after(must(force(placed, 'b', ['a'])), installed('b', 5))
  const retired = (usage: number): Body => ({ kind: 'retired', capsule: { balance: 1, usage } })

  it('is retired, booked once, released and then forgotten', () => {
    expect(messageForStray(taken, 'b')).toBeNull()
    expect(messageForStray(taken, 'a')).toEqual({
      kind: 'retire',
      tenant: 't',
      epoch: 5,
      home: { node: 'b', epoch: 5 },
    })
    const booked = answer(taken, 'a', 5, retired(8))
    expect(booked.booking).toMatchObject({ epoch: 5, node: 'a', from: checkpoint, to: { usage: 8 } })
    expect(answer(booked.placement, 'a', 5, retired(8)).booking).toBeNull()
    expect(messageForStray(booked.placement, 'a')).toMatchObject({ kind: 'release', epoch: 5, hurry: true })
    const end = after(booked.placement, ['a', 5, { kind: 'released' }])
    expect(end).toMatchObject({ strays: [], baselines: [] })
  })

  it('with nothing newer than the checkpoint books nothing, by what the heir began with', () => {
    const step = answer(taken, 'a', 5, retired(3))
    expect(step.booking).toEqual({ epoch: 5, node: 'a', from: checkpoint, to: checkpoint })
    expect(step.placement.strays).toEqual([{ node: 'a', epoch: 5, step: 'release' }])
    expect(after(taken, ['a', 5, { kind: 'retired', capsule: null }]).strays).toEqual([])
  })

  it('is not booked before the outcome of the move is known', () => {
    const asking = must(force(after(move(placed, 'b'), ready), 'b', ['a']))
    expect(messageForStray(asking, 'a')).toMatchObject({ kind: 'retire', epoch: 6, home: null })
    const late: [string, number, Body] = ['a', 6, retired(8)]
    expect(after(asking, late)).toBe(asking)
    const buried = after(asking, ['b', 5, { kind: 'aborted', side: 'target' }])
    expect(answer(buried, ...late).booking).toMatchObject({ to: { usage: 8 } })
  })

  it('and another one of the same chain are booked as one running total, in either order', () => {
    const handing = after(move(placed, 'b'), ready)
    const atOnce = must(force(handing, 'c', ['a', 'b']))
    const silentLater = must(force(must(force(handing, 'c', ['a'])), 'c', ['b']))
    expect(silentLater.migration).toMatchObject({ epoch: 7, bury: null })
    const row = after(atOnce, installed('c', 6))
    for (const each of [row, silentLater]) {
      expect(each.strays.map(({ node, epoch }) => [node, epoch])).toEqual([
        ['a', 6],
        ['b', 6],
      ])
      expect(each.baselines).toEqual([{ epoch: 6, capsule: checkpoint }])
    }
    for (const [first, second] of [
      [['a', 5] as const, ['b', 9] as const],
      [['b', 9] as const, ['a', 5] as const],
    ]) {
      const one = answer(row, first![0], 6, retired(first![1]))
      const two = answer(one.placement, second![0], 6, retired(second![1]))
      const booked = [one.booking, two.booking].reduce(
        (sum, b) => sum + (b ? b.to.usage - b.from.usage : 0),
        0,
      )
      expect(booked).toBe(9 - checkpoint.usage)
    }
  })
})

describe('leaving a silent node behind', () => {
  it('closes a committed move without its source, which is released when it returns', () => {
    const committed = after(move(placed, 'b'), ready, handed, installed('b', 5, 'installed'))
    const row = must(leaveBehind(committed, 300))
    expect(row).toMatchObject({
      migration: { phase: 'DONE' },
      strays: [{ node: 'a', epoch: 5, step: 'release' }],
    })
    expect(messageForStray(row, 'a')).toMatchObject({ kind: 'release', hurry: true })
    expect(after(row, ['a', 5, { kind: 'released' }]).strays).toEqual([])
  })

  it('closes a fenced abort without its target, which is told when it returns', () => {
    const row = must(leaveBehind(after(must(requestAbort(move(placed, 'b'), 1)), fenced), 300))
    expect(row).toMatchObject({
      migration: { phase: 'ABORTED' },
      strays: [{ node: 'b', epoch: 5, step: 'abort' }],
    })
    expect(messageForStray(row, 'b')).toMatchObject({ kind: 'abort', side: 'target' })
    expect(after(row, ['b', 5, { kind: 'aborted', side: 'target' }]).strays).toEqual([])
  })

  it('is refused while the outcome depends on an answer', () => {
    expect(leaveBehind(placed, 1)).toMatchObject({ ok: false, error: { code: 'no-migration' } })
    for (const row of [move(placed, 'b'), after(move(placed, 'b'), ready, handed)]) {
      expect(leaveBehind(row, 1)).toMatchObject({ ok: false, error: { code: 'migration-open' } })
    }
  })
})
