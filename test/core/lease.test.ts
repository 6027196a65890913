import { describe, expect, it } from 'vitest'
import { Lease, Verdict } from '../../src/core/lease.ts'
import { LeaseBook } from '../../src/core/lease-book.ts'
import type { AccountGrant } from '../../src/core/messages.ts'

const MICRO = 1_000_000

function grant(fields: Partial<AccountGrant>): AccountGrant {
  return {
    tenant: 'a',
    epoch: 1,
    session: 's',
    granted: 0,
    borrowed: 0,
    credit: 0,
    ttlMs: 2_000,
    edges: 1,
    baseTokens: 100 * MICRO,
    roundMs: 1_000,
    ...fields,
  }
}

describe('a lease', () => {
  it('asks for more as soon as something waits, however small the remainder it cannot use', () => {
    // A remainder of 0.9 tokens above the low-water mark once kept 39 requests waiting for half a second.
    const lease = new Lease('a', undefined, 1)
    lease.settle(grant({ granted: 0.9 * MICRO }), 0, 2)
    lease.lowWater = 0.3 * MICRO
    expect(lease.refillDue(10)).toBe(false)
    expect(lease.admit(MICRO, 10, false, false)).toBe(Verdict.join)
    lease.waiting = MICRO
    expect(lease.refillDue(10)).toBe(true)
  })

  it('is never refused locally only because it is empty', () => {
    const lease = new Lease('a', undefined, 1)
    lease.settle(grant({ granted: 0 }), 0, 2)
    expect(lease.admit(MICRO, 10, false, false)).toBe(Verdict.join)
    lease.settle(grant({ granted: 0, retryAfterMs: 500 }), 0, 2)
    expect(lease.admit(MICRO, 499, false, false)).toBe(Verdict.refuse)
    expect(lease.admit(MICRO, 500, false, false)).toBe(Verdict.join)
  })

  it('stops when its time is over, counted from the sending of the message', () => {
    const lease = new Lease('a', undefined, 1)
    lease.settle(grant({ granted: 10 * MICRO }), 1_000, 50)
    expect(lease.admit(MICRO, 2_999, false, false)).toBe(Verdict.admit)
    expect(lease.admit(MICRO, 3_000, false, false)).toBe(Verdict.join)
  })

  it('goes negative within its credit only while a message is in flight', () => {
    const lease = new Lease('a', undefined, 1)
    lease.settle(grant({ granted: 0, credit: 2 * MICRO }), 0, 10)
    lease.lowWater = 2 * MICRO
    expect(lease.admit(MICRO, 1, false, false)).toBe(Verdict.join)
    expect(lease.take(MICRO, 1, true)).not.toBe(Verdict.join)
    expect(lease.take(MICRO, 1, true)).not.toBe(Verdict.join)
    expect(lease.take(MICRO, 1, true)).toBe(Verdict.join)
  })

  it('reports under a new session only what the old one had not reported', () => {
    const lease = new Lease('a', undefined, 1)
    lease.settle(grant({ granted: 10 * MICRO }), 0, 1)
    for (let i = 0; i < 5; i++) lease.admit(MICRO, 1, false, false)
    expect(lease.report(10).used).toBe(5 * MICRO)
    for (let i = 0; i < 2; i++) lease.admit(MICRO, 11, false, false)
    lease.settle(grant({ session: 't', granted: 3 * MICRO }), 10, 1)
    expect(lease.report(20)).toMatchObject({ session: 't', used: 2 * MICRO })
  })
})

describe('a lease book', () => {
  it('gives up a message whose sender is gone', () => {
    const book = new LeaseBook('e')
    const line = book.line('n')
    const lease = book.lease(line, 'a', undefined, 1)
    const ended: string[] = []
    const ask = { cost: MICRO, maxWaitMs: 0, urgency: 3, bytes: 0, settle: (o: string) => void ended.push(o) }
    expect(book.admit(line, lease, ask, 0)).toBe(Verdict.join)
    expect(book.compose(line, 0)).toBeDefined()
    expect(book.messageDue(line, lease, 100)).toBe(false)
    expect(book.messageDue(line, lease, 60_000)).toBe(false) // now the node is spared for a moment
    expect(line.inFlight).toBe(false)
    expect(ended).toEqual(['unreachable'])
  })
})
