import { describe, expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'

const open = (roundTokens = 1000) => new Ledger({ roundTokens, roundMs: 1000, nowMs: 0 })

function seenOf({ balanceTokens, grantedTokens, wantedTokens, allottedTokens, spentTotal }: Account) {
  return { balanceTokens, grantedTokens, wantedTokens, allottedTokens, spentTotal }
}

describe('an account stands in for its number, and its number for it', () => {
  test('spends by number are those of the account, tenant or device', () => {
    const ledger = open()
    const a = ledger.open('a', { baseTokens: 100 })
    const web = ledger.openDevice(a, 'web', { baseTokens: 40 })
    for (const payer of [a, web, a.number, web.number, a.number, web.number]) {
      expect(ledger.spend(payer, 5, 1)).toBe(Decision.granted)
    }
    expect([web.grantedTokens, a.grantedTokens, ledger.poolTokens]).toEqual([15, 30, 970])
    expect(ledger.spend(web.number, 30, 1)).toBe(Decision.borrowed)
    expect(ledger.spend(web.number, 2000, 1)).toBe(Decision.refused)
  })

  test('what no open account has as its number is refused', () => {
    const ledger = open()
    const a = ledger.open('a', { baseTokens: 100 })
    const b = ledger.open('b', { baseTokens: 100 })
    for (const account of [a, b]) for (let i = 0; i < 3; i++) ledger.spend(account, 8, 1)
    const closed = b.number
    ledger.close(b)
    expect(b.number).toBe(0)
    const none = [closed, 0, -1, 3, 99, 0.125, 1.125, 1.5, -0.5, 2 ** 29, 2 ** 53, 1e300]
    for (const number of [...none, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const cost of [0, 1]) {
        expect(() => ledger.spend(number, cost, 1), String(number)).toThrow(RangeError)
      }
    }
    expect([a.grantedTokens, ledger.poolTokens]).toEqual([24, 952])
  })
})

describe('rows of numbers', () => {
  test('keep their numbers when they grow', () => {
    const ledger = open(100_000)
    const accounts = Array.from({ length: 1000 }, (_, i) => {
      const account = ledger.open(`t${i}`, { baseTokens: 100 })
      for (let spends = 0; spends < 3; spends++) ledger.spend(account, 1 + (i % 30), 1)
      return account
    })
    expect(new Set(accounts.map(({ number }) => number)).size).toBe(1000)
    for (const [i, account] of accounts.entries()) {
      ledger.spend(account.number, 1, 1)
      expect([account.balanceTokens, account.spentTotal]).toEqual([96 - 3 * (i % 30), 4 + 3 * (i % 30)])
    }
  })

  test('serve again once an account is closed, and leave it its numbers', () => {
    const ledger = open()
    const a = ledger.open('a', { baseTokens: 100 })
    const web = ledger.openDevice(a, 'web', { baseTokens: 40 })
    for (let i = 0; i < 3; i++) ledger.spend(web, 7, 1)
    const before = [seenOf(a), seenOf(web)]
    const numbers = [a.number, web.number]
    ledger.close(a)
    expect([seenOf(a), seenOf(web)]).toEqual(before)

    const next = [ledger.open('b', { baseTokens: 50 }), ledger.open('c', { baseTokens: 60 })]
    expect(next.map(({ number }) => number).sort()).toEqual(numbers)
    const fresh = { grantedTokens: 0, wantedTokens: 0, allottedTokens: 0, spentTotal: 0 }
    expect(next.map(seenOf)).toEqual([
      { ...fresh, balanceTokens: 50 },
      { ...fresh, balanceTokens: 60 },
    ])
    for (const account of next) for (let i = 0; i < 3; i++) ledger.spend(account.number, 9, 1)
    expect([seenOf(a), seenOf(web)]).toEqual(before)
    a.spentTotal += 1
    expect(next.map((account) => account.spentTotal)).toEqual([27, 27])
  })

  test('are not taken one for each account that comes and goes', () => {
    const ledger = open()
    for (let i = 0; i < 10_000; i++) {
      const tenant = ledger.open('t', { baseTokens: 10 })
      ledger.openDevice(tenant, 'd', { baseTokens: 10 })
      ledger.close(tenant)
    }
    expect(ledger.open('t', { baseTokens: 10 }).number).toBeLessThan(3)
  })
})

test('what was spent adds up over rounds, refunds and closed accounts', () => {
  const ledger = open()
  const a = ledger.open('a', { baseTokens: 100 })
  const b = ledger.open('b', { baseTokens: 100 })
  for (const payer of [a, a, b]) ledger.spend(payer, 10, 1)
  expect(ledger.refund(a, 5, ledger.roundNumber)).toBe(5)
  expect([a.spentTotal, b.spentTotal, ledger.root.spentTotal]).toEqual([15, 10, 25])
  ledger.spend(a, 7, 3000)
  expect(ledger.roundNumber).toBe(2)
  ledger.close(b)
  ledger.charge(a, 2, 3000)
  expect([a.grantedTokens, a.spentTotal, b.spentTotal, ledger.root.spentTotal]).toEqual([9, 24, 10, 34])
  a.spentTotal = 100
  ledger.spend(a, 1, 6000)
  expect([a.grantedTokens, a.spentTotal]).toEqual([1, 101])
})
