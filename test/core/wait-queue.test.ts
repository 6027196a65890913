import { describe, expect, it } from 'vitest'
import { Lease } from '../../src/core/lease.ts'
import { type Outcome, type Ticket, WaitQueue, WaitRoom } from '../../src/core/wait-queue.ts'

const ONE = 1_000_000

function leaseWith(tokens: number, askAtMs = Number.NEGATIVE_INFINITY): Lease {
  const lease = new Lease('a', undefined, 1)
  const grant = {
    tenant: 'a',
    epoch: 1,
    session: 's',
    granted: tokens * ONE,
    borrowed: 0,
    credit: 0,
    ttlMs: 10_000,
    edges: 1,
    baseTokens: 100 * ONE,
    roundMs: 1_000,
  }
  lease.settle(grant, 0, 1)
  lease.askAtMs = askAtMs
  return lease
}

function ticket(log: string[], name: string, fields: Partial<Ticket> = {}): Ticket {
  return {
    cost: ONE,
    urgency: 3,
    bytes: 10,
    patienceMs: 0,
    deadlineMs: 1_000,
    settle: (outcome: Outcome) => void log.push(`${name} ${outcome}`),
    ...fields,
  }
}

function queueOf(lease: Lease, maxCount = 10, maxBytes = 1_000): WaitQueue {
  return new WaitQueue(lease, maxCount, maxBytes, new WaitRoom(100, 10_000))
}

describe('a wait queue', () => {
  it('gives seats by urgency, then in order of arrival', () => {
    const log: string[] = []
    const queue = queueOf(leaseWith(3))
    for (const [name, urgency] of [
      ['late', 6],
      ['first', 3],
      ['second', 3],
      ['urgent', 0],
    ] as const) {
      expect(queue.push(ticket(log, name, { urgency }))).toBe(true)
    }
    queue.serve(10)
    expect(log).toEqual(['urgent admitted', 'first admitted', 'second admitted'])
    expect(queue.count).toBe(1)
  })

  it('lets nobody overtake a request that is too large for what is left', () => {
    const log: string[] = []
    const queue = queueOf(leaseWith(2))
    queue.push(ticket(log, 'large', { cost: 5 * ONE }))
    queue.push(ticket(log, 'small'))
    queue.serve(10)
    expect(log).toEqual([])
    expect(queue.lease.first).toBe(5 * ONE)
    expect(queue.lease.waiting).toBe(6 * ONE)
  })

  it('is full at its bounds, in count and in bytes', () => {
    const log: string[] = []
    const byCount = queueOf(leaseWith(0), 2)
    expect(byCount.push(ticket(log, 'a'))).toBe(true)
    expect(byCount.push(ticket(log, 'b'))).toBe(true)
    expect(byCount.push(ticket(log, 'c'))).toBe(false)
    const byBytes = queueOf(leaseWith(0), 10, 25)
    expect(byBytes.push(ticket(log, 'a'))).toBe(true)
    expect(byBytes.push(ticket(log, 'b'))).toBe(true)
    expect(byBytes.push(ticket(log, 'c', { bytes: 6 }))).toBe(false)
    expect(byBytes.push(ticket(log, 'd', { bytes: 5 }))).toBe(true)
  })

  it('lets those go whose patience ends before the node has tokens again', () => {
    const log: string[] = []
    const queue = queueOf(leaseWith(0, 500))
    queue.push(ticket(log, 'hasty', { patienceMs: 400 }))
    queue.push(ticket(log, 'patient', { patienceMs: 600 }))
    queue.serve(100)
    expect(log).toEqual(['hasty refused'])
    expect(queue.lease.waiting).toBe(ONE)
  })

  it('tells those who waited too long for the node’s word, and all when it is given up', () => {
    const log: string[] = []
    const queue = queueOf(leaseWith(0))
    queue.push(ticket(log, 'old', { deadlineMs: 50 }))
    queue.push(ticket(log, 'new', { deadlineMs: 500 }))
    queue.serve(100)
    expect(log).toEqual(['old unreachable'])
    queue.abandon('moved')
    expect(log).toEqual(['old unreachable', 'new moved'])
    expect(queue.count).toBe(0)
    expect(queue.lease.waiting).toBe(0)
    expect(queue.lease.first).toBe(0)
  })

  it('gives no seat to a client that has left', () => {
    const log: string[] = []
    const queue = queueOf(leaseWith(1))
    queue.push(ticket(log, 'left', { gone: () => true }))
    queue.push(ticket(log, 'there'))
    queue.serve(10)
    expect(log).toEqual(['left gone', 'there admitted'])
  })
})
