import { describe, expect, it } from 'vitest'
import { toMicro } from '../../src/core/amount.ts'
import { type Lease, Verdict } from '../../src/core/lease.ts'
import { LeaseBook } from '../../src/core/lease-book.ts'
import { Ledger, LedgerSettingsError } from '../../src/core/ledger.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { SteadyClock } from '../../src/core/steady-clock.ts'

const HOUR_MS = 3_600_000
const ONE = toMicro(1)

function node(base = 100, devices?: { name: string; base: number }[]): Sessions {
  const ledger = new Ledger({ roundTokens: toMicro(160), roundMs: 1000, nowMs: 0 })
  const sessions = new Sessions({ ledger, life: 'n', nowMs: 0 })
  sessions.open(tenant(base, devices))
  return sessions
}

function tenant(base: number, devices?: { name: string; base: number }[]) {
  const settings = { baseTokens: toMicro(base) }
  if (devices === undefined) return { tenant: 'alpha', epoch: 1, settings }
  const below = devices.map((device) => ({
    name: device.name,
    settings: { baseTokens: toMicro(device.base) },
  }))
  return { tenant: 'alpha', epoch: 1, settings, devices: below }
}

/** An edge with one lease; `exchange` sends a message and takes in its answer. */
function edge(sessions: Sessions) {
  const book = new LeaseBook('e')
  const line = book.line('n')
  const lease = book.lease(line, 'alpha', undefined, 1)
  const outcomes: string[] = []
  return {
    book,
    line,
    lease,
    outcomes,
    ask: (nowMs: number, maxWaitMs = 0): Verdict => {
      const settle = (outcome: string) => outcomes.push(outcome)
      return book.admit(line, lease, { cost: ONE, maxWaitMs, urgency: 3, bytes: 0, settle }, nowMs)
    },
    exchange: (nowMs: number, answerMs = nowMs): void => {
      const message = book.compose(line, nowMs)
      if (message !== undefined) book.settle(line, sessions.answer(message, nowMs), answerMs)
    },
  }
}

describe('a lease under faults', () => {
  it('tells again what the node has not confirmed', () => {
    const { book, line, lease, ask, exchange } = edge(node())
    ask(0)
    exchange(0)
    expect(lease.used).toBe(ONE)
    expect(book.compose(line, 10)?.accounts[0]?.used).toBe(ONE)
    book.fail(line, 20)
    expect(lease.hasNews).toBe(true)
    expect(book.compose(line, 500)?.accounts[0]?.used).toBe(ONE)
  })

  it('ends when the clock is set back, and asks no later than it would have', () => {
    const sessions = node(1)
    const { book, line, lease, ask, exchange } = edge(sessions)
    for (let i = 0; i < 200; i++) ask(HOUR_MS)
    exchange(HOUR_MS)
    const waitMs = lease.askAtMs - HOUR_MS
    expect(waitMs).toBeGreaterThan(0)
    ask(0)
    expect(lease.leftTokens(0)).toBe(0)
    expect(lease.askAtMs).toBe(waitMs)
    book.fail(line, 0)
    book.expire(lease, -HOUR_MS)
    expect(line.retryAtMs).toBeLessThanOrEqual(-HOUR_MS + 5_000)
  })

  it('lets nobody wait the longer for a clock that is set back', () => {
    const { book, lease, outcomes, ask } = edge(node())
    expect(ask(HOUR_MS, 3_000)).toBe(Verdict.join)
    book.expire(lease, 0)
    expect(outcomes).toEqual([])
    book.expire(lease, 3_001)
    expect(outcomes).toEqual(['unreachable'])
  })

  for (const [awayMs, session] of [
    [1_500, 'that lives'],
    [5_000, 'that has lapsed'],
  ] as const) {
    it(`makes no debt of what was admitted at the guaranteed rate, in a session ${session}`, () => {
      const sessions = node(20)
      const { book, line, lease, ask, exchange } = edge(sessions)
      ask(0)
      exchange(0)
      const admitted = admitWithoutNode(lease, awayMs)
      expect(admitted).toBeGreaterThan(25)
      book.fail(line, awayMs)
      ask(awayMs + 100)
      exchange(awayMs + 100)
      const desk = sessions.desk('alpha')!
      expect(desk.usage.spent).toBe(toMicro(admitted + 1))
      expect(desk.account.owedTokens).toBe(0)
      expect(desk.account.ownTokens).toBeGreaterThan(toMicro(10))
      expect(lease.leftTokens(awayMs + 100)).toBeGreaterThanOrEqual(0)
    })
  }

  it('is presumed spent only after the edge has stopped, also when a session is handed out twice', () => {
    const sessions = node()
    const first = edge(sessions)
    first.ask(0)
    sessions.answer(first.book.compose(first.line, 0)!, 0) // its answer is lost
    first.book.fail(first.line, 1_900)
    first.ask(2_000)
    first.exchange(2_000)
    sessions.sweep(2_000 + sessions.leaseTtlMs)
    expect(sessions.desk('alpha')?.sessions.has(first.lease.session)).toBe(true)
    sessions.sweep(2_001 + (sessions.leaseTtlMs * 9) / 8)
    expect(sessions.desk('alpha')?.sessions.has(first.lease.session)).toBe(false)
  })
})

/** One request every 50 ms, without the node. */
function admitWithoutNode(lease: Lease, untilMs: number): number {
  let admitted = 0
  for (let atMs = 50; atMs <= untilMs; atMs += 50) if (lease.takeGuaranteed(ONE, atMs)) admitted++
  return admitted
}

describe('a node under faults', () => {
  it('neither lapses nor keeps sessions because its clock was set', () => {
    const clock = new SteadyClock(HOUR_MS)
    expect(clock.read(HOUR_MS + 10, 100)).toBe(10)
    expect(clock.read(0, 100)).toBe(10)
    expect(clock.read(5, 100)).toBe(15)
    expect(clock.read(HOUR_MS, 100)).toBe(115)
  })

  it('gives a tenant and its devices smaller bases in one change, or changes nothing', () => {
    const sessions = node(100, [
      { name: 'api', base: 60 },
      { name: 'web', base: 40 },
    ])
    const smaller = [
      { name: 'api', base: 10 },
      { name: 'web', base: 30 },
    ]
    expect(() => sessions.open(tenant(30, smaller))).toThrow(LedgerSettingsError)
    expect(sessions.desk('alpha', 'api')?.account.baseTokens).toBe(toMicro(60))
    sessions.open(tenant(40, smaller))
    expect(sessions.desk('alpha')?.account.baseTokens).toBe(toMicro(40))
    expect(sessions.desk('alpha', 'web')?.account.baseTokens).toBe(toMicro(30))
    expect(() => sessions.open(tenant(161, smaller))).toThrow(LedgerSettingsError)
    expect(sessions.desk('alpha', 'api')?.account.baseTokens).toBe(toMicro(10))
    sessions.open(tenant(100, [{ name: 'web', base: 100 }]))
    expect(sessions.devices('alpha')).toEqual(['web'])
  })
})
