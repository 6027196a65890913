import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../scripts/load/arrivals.ts'
import { Lease, Verdict } from '../../src/core/lease.ts'
import { LeaseBook } from '../../src/core/lease-book.ts'
import { Ledger } from '../../src/core/ledger.ts'
import type { AccountGrant } from '../../src/core/messages.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { type Outcome, WaitQueue, WaitRoom } from '../../src/core/wait-queue.ts'

const MICRO = 1_000_000

function lease(granted: number): Lease {
  const it = new Lease('a', undefined, 1)
  it.settle(grant('s', granted), 0, 2)
  return it
}

function grant(session: string, granted: number): AccountGrant {
  const fixed = { epoch: 1, borrowed: 0, credit: 0, ttlMs: 2_000, edges: 1, roundMs: 1_000 }
  return { tenant: 'a', session, granted, baseTokens: 100, balance: 0, ...fixed }
}

describe('reserve, commit, release', () => {
  it('gives back what was not needed, and it can be spent again', () => {
    const it = lease(10)
    expect(it.take(10, 1, false)).toBe(Verdict.admit)
    it.release(7, 's')
    expect(it.leftTokens(1)).toBe(7)
    expect(it.report(2).used).toBe(3)
  })

  it('never lets a reported total decrease: what was reported is spent again first', () => {
    const it = lease(10)
    it.admit(10, 1, false, false)
    const before = it.report(1)
    it.release(7, 's')
    expect(it.leftTokens(1)).toBe(7)
    const after = it.report(2)
    expect([after.used, after.demand]).toEqual([before.used, before.demand])
    expect(it.admit(5, 2, false, false)).toBe(Verdict.admit)
    expect(it.report(3)).toMatchObject({ used: 10, demand: 10 })
    expect(it.admit(2, 3, false, false)).toBe(Verdict.admit)
    it.charge(4)
    expect(it.report(4)).toMatchObject({ used: 14, demand: 14 })
  })

  it('loses what belongs to a session that is over', () => {
    const it = lease(10)
    it.take(10, 1, false)
    it.report(1)
    it.settle(grant('t', 5), 1, 2)
    it.release(10, 's')
    expect(it.leftTokens(2)).toBe(5)
    it.take(5, 2, false)
    it.report(2)
    it.release(5, 't')
    expect(it.leftTokens(2)).toBe(5)
    it.settle(grant('u', 1), 2, 2)
    expect(it.leftTokens(3)).toBe(1)
  })

  it('asks the node only for what the returned tokens do not cover', () => {
    const it = lease(10)
    it.take(10, 1, false)
    it.report(1)
    it.release(4, 's')
    it.waiting = 6
    it.first = 5
    expect(it.report(2)).toMatchObject({ want: 2, waiting: 2, first: 1 })
  })

  it('keeps totals growing and never spends beyond grants, whatever the order', () => {
    const step = fc.record({
      kind: fc.constantFrom('take', 'charge', 'release', 'report', 'grant'),
      cost: fc.integer({ min: 0, max: 50 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const it = lease(100)
        const granted = { total: 100 }
        let [net, reserved, charged, used, demand] = [0, 0, 0, 0, 0]
        for (const { kind, cost } of steps) {
          if (kind === 'take' && it.admit(cost, 1, false, false) <= Verdict.admitBorrowed) {
            net += cost
            reserved += cost
          } else if (kind === 'charge') {
            it.charge(cost)
            net += cost
            charged += cost
          } else if (kind === 'release' && cost <= reserved) {
            it.release(cost, 's')
            net -= cost
            reserved -= cost
          } else if (kind === 'grant') {
            granted.total += cost
            it.settle(grant('s', granted.total), 0, 2)
          } else if (kind === 'report') {
            const report = it.report(1)
            expect(report.used).toBeGreaterThanOrEqual(used)
            expect(report.demand).toBeGreaterThanOrEqual(demand)
            used = report.used
            demand = report.demand
          }
          expect(it.leftTokens(1)).toBe(granted.total - net)
          expect(net).toBeLessThanOrEqual(granted.total + charged)
          expect(it.used).toBeGreaterThanOrEqual(net)
        }
      }),
    )
  })
})

/** One edge and one node, 20 ms apart, for a tenant whose origin tells the true cost 30 ms later. */
function runCosts(reserve: number, seconds: number, arrivalsPerSecond: number) {
  const random = seededRandom(7, 'costs')
  const base = 1_000 * MICRO
  const ledger = new Ledger({ roundTokens: base, roundMs: 1_000, nowMs: 0 })
  const sessions = new Sessions({ ledger, life: 'n:1', nowMs: 0 })
  const settings = { baseTokens: base, weight: 1, priority: 4, lendable: 1, borrows: false }
  sessions.open({ tenant: 'a', epoch: 1, settings })
  const book = new LeaseBook('e')
  const line = book.line('n')
  const it = book.lease(line, 'a', undefined, 1)
  const events: { atMs: number; run: () => void }[] = []
  const after = (atMs: number, run: () => void) => {
    let i = events.length
    while (i > 0 && events[i - 1]!.atMs > atMs) i--
    events.splice(i, 0, { atMs, run })
  }
  const seen = { spent: 0, admitted: 0, refused: 0, furthest: 0, largest: 0 }
  const answer = (session: string, atMs: number) => {
    seen.admitted++
    after(atMs + 30, () => {
      const cost = (1 + Math.floor(random() * 500)) * MICRO
      seen.spent += cost
      seen.largest = Math.max(seen.largest, cost)
      if (cost > reserve) it.charge(cost - reserve)
      else it.release(reserve - cost, session)
      seen.furthest = Math.max(seen.furthest, -it.leftTokens(atMs + 30))
    })
  }
  const send = (nowMs: number) => {
    const message = book.compose(line, nowMs)
    if (message === undefined) return
    after(nowMs + 10, () => {
      const reply = sessions.answer(message, nowMs + 10)
      after(nowMs + 20, () => {
        book.settle(line, reply, nowMs + 20)
        if (book.someoneWaits(line, nowMs + 20)) send(nowMs + 20)
      })
    })
  }
  for (let i = 0; i < seconds * arrivalsPerSecond; i++) {
    const atMs = Math.floor((i * 1_000) / arrivalsPerSecond)
    after(atMs, () => {
      const settle = (outcome: Outcome, laterMs: number) => {
        if (outcome === 'admitted' || outcome === 'borrowed') answer(it.session, laterMs)
        else seen.refused++
      }
      let nowMs = atMs
      const ask = {
        cost: reserve,
        maxWaitMs: 0,
        urgency: 3,
        bytes: 0,
        settle: (o: Outcome) => settle(o, nowMs),
      }
      const verdict = book.admit(line, it, ask, atMs)
      nowMs = atMs + 20
      if (verdict <= Verdict.admitBorrowed) answer(it.session, atMs)
      else if (verdict === Verdict.refuse) seen.refused++
      if (book.messageDue(line, it, atMs)) send(atMs)
    })
  }
  for (let next = events.shift(); next !== undefined && next.atMs < seconds * 1_000; next = events.shift()) {
    next.run()
  }
  return seen
}

describe('an origin that charges 1 to 500 tokens by header, base 1000/s, for 60 s', () => {
  it('spends within 1 % of the base, never more than one answer beyond the balance', () => {
    const seen = runCosts(500 * MICRO, 60, 197)
    expect(seen.refused).toBeGreaterThan(100)
    expect(Math.abs(seen.spent / (60_000 * MICRO) - 1)).toBeLessThan(0.01)
    expect(seen.furthest).toBeLessThanOrEqual(seen.largest)
  })
})

describe('what waits', () => {
  const ticket = (ended: Outcome[], gone = false) => ({
    cost: 1,
    urgency: 3,
    bytes: 10,
    patienceMs: 1_000,
    deadlineMs: 1_000,
    gone: () => gone,
    settle: (outcome: Outcome) => void ended.push(outcome),
  })

  it('takes no tokens for a client that has left', () => {
    const it = lease(1)
    const queue = new WaitQueue(it, 10, 1_000)
    const [left, stays]: Outcome[][] = [[], []]
    queue.push(ticket(left!, true))
    queue.push(ticket(stays!))
    queue.serve(1)
    expect([left, stays, queue.count, it.waiting]).toEqual([['gone'], ['admitted'], 0, 0])
  })

  it('is bounded over all queues of an isolate, but for a few places of each', () => {
    const room = new WaitRoom(20, 1_000_000)
    const [flood, calm] = [
      new WaitQueue(lease(0), 1_000, 1e6, room),
      new WaitQueue(lease(0), 1_000, 1e6, room),
    ]
    const fill = (queue: WaitQueue) => {
      let count = 0
      while (queue.push(ticket([]))) count++
      return count
    }
    expect([fill(flood), fill(calm), room.count]).toEqual([20, 16, 36])
    flood.abandon('unreachable')
    expect([room.count, room.bytes]).toEqual([16, 160])
  })
})
