import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { MAX_MICRO } from '../../src/core/amount.ts'
import { Decision, Ledger, LedgerSettingsError } from '../../src/core/ledger.ts'
import { allAccounts } from './ledger/oracle.ts'

function twoTenants() {
  const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
  const a = ledger.open('a', { baseTokens: 60 })
  const b = ledger.open('b', { baseTokens: 40 })
  return { ledger, a, b }
}

const NO_AMOUNT = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  -1e-9,
  0.5,
  MAX_MICRO + 1,
  1e300,
]
const NO_TIME = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5, 1e300]

describe('8. amounts and times out of range never reach the ledger', () => {
  const calls: Record<string, (ledger: Ledger, account: Account, bad: number) => unknown> = {
    spend: (ledger, account, bad) => ledger.spend(account, bad, 1),
    'lease, wanted': (ledger, account, bad) => ledger.lease(account, bad, 0, 0, 1),
    'lease, first': (ledger, account, bad) => ledger.lease(account, 10, 0, bad, 1),
    demand: (ledger, account, bad) => ledger.demand(account, bad, 1),
    charge: (ledger, account, bad) => ledger.charge(account, bad, 1),
    refund: (ledger, account, bad) => ledger.refund(account, bad, 1),
    setRoundTokens: (ledger, _, bad) => ledger.setRoundTokens(bad),
  }
  test.each(Object.keys(calls))('%s refuses amounts that are none and changes nothing', (name) => {
    for (const bad of NO_AMOUNT) {
      const { ledger, a } = twoTenants()
      const before = JSON.stringify(allAccounts(ledger.root).map((x) => [x.balanceTokens, x.wantedTokens]))
      expect(() => calls[name]!(ledger, a, bad), String(bad)).toThrow(RangeError)
      expect(JSON.stringify(allAccounts(ledger.root).map((x) => [x.balanceTokens, x.wantedTokens]))).toBe(
        before,
      )
      expect(ledger.poolTokens).toBe(100)
    }
  })

  test('times that are no whole milliseconds', () => {
    for (const bad of NO_TIME) {
      const { ledger, a } = twoTenants()
      expect(() => ledger.spend(a, 1, bad)).toThrow(RangeError)
      expect(() => ledger.lease(a, 1, 1, 1, bad)).toThrow(RangeError)
      expect(() => ledger.charge(a, 1, bad)).toThrow(RangeError)
      expect(() => ledger.demand(a, 1, bad)).toThrow(RangeError)
      expect(ledger.spend(a, 1, 1)).toBe(Decision.granted)
      expect(() => new Ledger({ roundTokens: 1, roundMs: 1000, nowMs: bad })).toThrow(RangeError)
      expect(() => new Ledger({ roundTokens: 1, roundMs: bad, nowMs: 0 })).toThrow(RangeError)
    }
    expect(() => new Ledger({ roundTokens: 1, roundMs: 0, nowMs: 0 })).toThrow(RangeError)
  })

  test('the largest amounts are exact', () => {
    const ledger = new Ledger({ roundTokens: MAX_MICRO, roundMs: 1000, nowMs: 0 })
    const a = ledger.open('a', { baseTokens: MAX_MICRO })
    expect(ledger.spend(a, MAX_MICRO - 1, 0)).toBe(Decision.granted)
    expect([a.balanceTokens, ledger.poolTokens]).toEqual([1, 1])
    expect(ledger.spend(a, 1, 0)).toBe(Decision.granted)
    expect(ledger.spend(a, 1, 1000)).toBe(Decision.granted)
    expect(ledger.poolTokens).toBe(MAX_MICRO - 1)
  })

  test('a clock that jumps to and fro mints nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 200 }), (jumps) => {
        const { ledger, a } = twoTenants()
        let nowMs = 1_000_000
        ledger.spend(a, 0, nowMs)
        let passedMs = 1_000_000
        let granted = 0
        for (const jump of jumps) {
          nowMs += jump
          passedMs += Math.max(0, jump)
          for (let i = 0; i < 12; i++) if (ledger.spend(a, 10, nowMs) <= Decision.borrowed) granted += 10
          expect(granted).toBeLessThanOrEqual(((passedMs - 1_000_000) * 100) / 1000 + 3 * 100)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('settings', () => {
  test.each([
    ['a base that does not fit', { baseTokens: 41 }, /40 micro-tokens a round are left/],
    ['a ceiling below the base', { baseTokens: 40, ceilingTokens: 39 }, /ceiling is below/],
    ['a base that is no amount', { baseTokens: 0.5 }, /base must be/],
    ['a negative weight', { baseTokens: 1, weight: -1 }, /weight must be/],
    ['a weight that is no number', { baseTokens: 1, weight: Number.NaN }, /weight must be/],
    ['priority 8', { baseTokens: 1, priority: 8 }, /priority must be/],
    ['priority 1.5', { baseTokens: 1, priority: 1.5 }, /priority must be/],
    ['a lendable share above 1', { baseTokens: 1, lendable: 1.1 }, /lendable share must be/],
    ['a lendable share that is no number', { baseTokens: 1, lendable: Number.NaN }, /lendable share must be/],
  ])('%s is refused and changes nothing', (_, settings, problem) => {
    const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
    ledger.open('a', { baseTokens: 60 })
    expect(() => ledger.open('b', settings)).toThrow(LedgerSettingsError)
    expect(() => ledger.open('b', settings)).toThrow(problem)
    expect([...ledger.accounts.keys()]).toEqual(['a'])
    const b = ledger.open('b', { baseTokens: 40 })
    expect(() => ledger.change(b, settings)).toThrow(problem)
    expect([b.baseTokens, b.weight, b.priority, b.balanceTokens]).toEqual([40, 40, 4, 40])
  })

  test('a tenant’s base does not fall below its devices’', () => {
    const { ledger, a } = twoTenants()
    ledger.openDevice(a, 'x', { baseTokens: 30 })
    expect(() => ledger.change(a, { baseTokens: 29 })).toThrow(/devices’ bases add up to more/)
    expect(() => ledger.openDevice(a, 'y', { baseTokens: 31 })).toThrow(/30 micro-tokens a round are left/)
    expect(() => ledger.setRoundTokens(99)).toThrow(LedgerSettingsError)
    expect(a.baseTokens).toBe(60)
  })
})

describe('a base that comes, grows or goes while the round runs is not handed out twice', () => {
  test('an account closed and opened again', () => {
    const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
    for (let i = 0; i < 10; i++) {
      const account = ledger.open('a', { baseTokens: 100, borrows: false })
      ledger.spend(account, account.ownTokens, i)
      ledger.close(account)
    }
    expect(ledger.poolTokens).toBe(0)
    const account = ledger.open('a', { baseTokens: 100, borrows: false })
    expect(ledger.spend(account, 1, 10)).toBe(Decision.refused)
    expect(ledger.spend(account, 100, 1000)).toBe(Decision.granted)
  })

  test('a base that wanders from account to account', () => {
    const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
    const accounts = ['a', 'b', 'c'].map((name) => ledger.open(name, { baseTokens: 0, borrows: false }))
    for (let i = 0; i < 9; i++) {
      const account = accounts[i % 3]!
      ledger.change(account, { baseTokens: 100, borrows: false })
      ledger.spend(account, account.ownTokens, i)
      ledger.change(account, { baseTokens: 0, borrows: false })
    }
    expect(ledger.poolTokens).toBe(0)
  })

  test('the split among a tenant’s devices, changed again and again', () => {
    const { ledger, a } = twoTenants()
    const [x, y] = ['x', 'y'].map((name) => ledger.openDevice(a, name, { baseTokens: 0, borrows: false }))
    for (let i = 0; i < 10; i++) {
      const device = i % 2 === 0 ? x! : y!
      ledger.change(device, { baseTokens: 60, borrows: false })
      if (device.ownTokens > 0) ledger.spend(device, device.ownTokens, i)
      ledger.change(device, { baseTokens: 0, borrows: false })
    }
    expect([a.balanceTokens, a.owedTokens, ledger.poolTokens]).toEqual([0, 0, 40])
  })

  test('room that was not spent is there at once', () => {
    const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
    const first = ledger.open('first', { baseTokens: 80 })
    ledger.spend(first, 30, 0)
    ledger.close(first)
    expect(ledger.open('second', { baseTokens: 100 }).ownTokens).toBe(70)
  })
})

describe('9. cost', () => {
  test('a spend looks at nobody else, on either level', () => {
    const { ledger, a, b } = twoTenants()
    const devices = [20, 40].map((baseTokens, i) => ledger.openDevice(a, `d${i}`, { baseTokens }))
    const blind = new Proxy([], {
      get: () => {
        throw new Error('looked at the others')
      },
    })
    for (const group of [ledger.root, a, b, ...devices]) Object.assign(group, { children: blind })
    for (let i = 0; i < 100; i++) {
      for (const account of [devices[0]!, devices[1]!, b]) {
        ledger.spend(account, 2, i)
        ledger.lease(account, 3, 1, 1, i)
        ledger.demand(account, 1, i)
        ledger.charge(account, 1, i)
        ledger.refund(account, 1, 1)
        ledger.retryAfterMs(account, 1, i)
      }
    }
    expect(() => ledger.spend(b, 2, 1000)).toThrow('looked at the others')
  })

  test('10 000 accounts on one node share as two do', () => {
    const tenants = 10_000
    const ledger = new Ledger({ roundTokens: 160 * tenants, roundMs: 1000, nowMs: 0 })
    const accounts = Array.from({ length: tenants }, (_, i) =>
      ledger.open(`t${i}`, { baseTokens: i % 2 === 0 ? 200 : 100 }),
    )
    const granted = new Float64Array(tenants)
    for (let round = 0; round < 4; round++) {
      for (let step = 0; step < 10; step++) {
        accounts.forEach((account, i) => {
          // Every fourth is idle, the others want three times their base.
          if (i % 4 === 0) return
          const cost = account.baseTokens / 10
          for (let k = 0; k < 3; k++) {
            if (ledger.spend(account, cost, round * 1000 + step * 100) > Decision.borrowed) continue
            if (round >= 2) granted[i]! += cost
          }
        })
      }
    }
    // 160 a round and tenant; those that ask have bases of 100, 200 and 100 of every 400.
    for (let i = 0; i < tenants; i++) {
      const share = i % 4 === 0 ? 0 : (160 * 4 * (i % 2 === 0 ? 200 : 100)) / 400
      expect(Math.abs(granted[i]! / 2 - share)).toBeLessThanOrEqual(2 * 20)
    }
  })
})

test('a lease for a cost above the account’s share of a round is granted in parts', () => {
  const ledger = new Ledger({ roundTokens: 10, roundMs: 1000, nowMs: 0 })
  const [a, b] = ['a', 'b'].map((name) => ledger.open(name, { baseTokens: 0, weight: 1 }))
  let held = 0
  for (let nowMs = 0; nowMs < 6000; nowMs += 100) {
    const granted = ledger.lease(a!, 12, 12, 12, nowMs)
    ledger.lease(b!, 12, 12, 1, nowMs)
    held += granted
  }
  // Half of every round, whole requests or not.
  expect(held).toBeGreaterThanOrEqual(5 * 5)
  expect(held).toBeLessThanOrEqual(7 * 5)
})
