import { describe, expect, test } from 'vitest'
import { Decision, Ledger } from '../../src/core/ledger.ts'

const Q = 160

/** A node of base 100 (idle), 50 and 10, as after a restart at 0 ms. */
function restarted() {
  const ledger = new Ledger({ roundTokens: Q, roundMs: 1000, nowMs: 0, afterRestart: true })
  const [, b, c] = [100, 50, 10].map((baseTokens, i) => ledger.open('abc'[i]!, { baseTokens }))
  return { ledger, b: b!, c: c! }
}

/** Asks for one token again and again at one moment. @returns how many were granted. */
function take({ ledger, b }: ReturnType<typeof restarted>, nowMs: number): number {
  let granted = 0
  while (granted < 10 * Q && ledger.spend(b, 1, nowMs) <= Decision.borrowed) granted++
  return granted
}

describe('what a node that was restarted presumes spent', () => {
  test('shuts borrowing at once, but no base', () => {
    expect(take(restarted(), 0)).toBe(50)
  })

  test('is not paid a moment before a whole round has passed', () => {
    expect(take(restarted(), 999)).toBe(50)
  })

  test.each([1000, 1999, 2000, 3_600_000])('is paid after %i ms in which nothing was spent', (idleMs) => {
    expect(take(restarted(), idleMs)).toBe(Q)
  })

  test('is not paid by a round in which something was spent', () => {
    const node = restarted()
    node.ledger.spend(node.c, 1, 500)
    expect(take(node, 1000)).toBe(50)
  })

  test('demand is no spend', () => {
    const node = restarted()
    node.ledger.demand(node.c, 5, 500)
    expect(take(node, 1000)).toBeGreaterThan(50)
  })
})

describe('a deficit lenders left by taking their base back', () => {
  /** At 0 ms one borrows everything and the other takes its base: the pool is at −100. */
  function inDeficit() {
    const ledger = new Ledger({ roundTokens: Q, roundMs: 1000, nowMs: 0 })
    const [a, b] = [100, 60].map((baseTokens, i) => ledger.open('ab'[i]!, { baseTokens }))
    expect(ledger.spend(b!, Q, 0)).toBe(Decision.borrowed)
    expect(ledger.spend(a!, 100, 0)).toBe(Decision.granted)
    expect(ledger.poolTokens).toBe(-100)
    return { ledger, b: b! }
  }

  test.each([
    ['is not paid by its own round, which was handed out in advance', 1000, 60],
    ['nor by part of another', 1999, 60],
    ['is paid by a silent round', 2000, 160],
    ['and leaves no surplus behind', 60_000, 160],
  ])('%s', (_, atMs, pool) => {
    const { ledger, b } = inDeficit()
    ledger.demand(b, 0, atMs)
    expect(ledger.poolTokens).toBe(pool)
  })

  test('is paid in part where a round is not enough', () => {
    const ledger = new Ledger({ roundTokens: 10, roundMs: 1000, nowMs: 0 })
    const a = ledger.open('a', { baseTokens: 10 })
    ledger.charge(a, 45, 0)
    ledger.demand(a, 0, 3000)
    expect([ledger.poolTokens, a.balanceTokens]).toEqual([-5, -25])
  })
})
