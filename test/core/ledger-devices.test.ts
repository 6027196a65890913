import { expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'

const ROUND_MS = 1000

/** A node of 40: tenant A with two devices of base 10 each, tenant B with 20. */
function node() {
  const ledger = new Ledger({ roundTokens: 40, roundMs: ROUND_MS, nowMs: 0 })
  const a = ledger.open('A', { baseTokens: 20 })
  const devices = [0, 1].map((i) => ledger.openDevice(a, `d${i}`, { baseTokens: 10 })) as [Account, Account]
  const b = ledger.open('B', { baseTokens: 20 })
  return { ledger, a, devices, b }
}

function takeAll(ledger: Ledger, account: Account, nowMs: number): number {
  let granted = 0
  while (ledger.spend(account, 1, nowMs) <= Decision.borrowed) granted++
  return granted
}

/**
 * The regression of ledger.md, "Devices": one device borrows what the other leaves idle, the other takes its
 * base back late in the round, every round. Without a debt of the tenant's own the two run the node over its
 * capacity for ever. Leases whose demand was never reported, so no claim keeps the two apart.
 */
test('two devices that lend to each other and take it back do not run the node over its capacity', () => {
  const { ledger, devices, b } = node()
  const rounds = 400
  let granted = 0
  for (let round = 0; round < rounds; round++) {
    const start = round * ROUND_MS
    granted += ledger.lease(b, 20, 20, 1, start)
    granted += ledger.lease(devices[0], 20, 20, 1, start + 1)
    granted += ledger.lease(devices[1], 10, 10, 1, start + ROUND_MS - 1)
  }
  expect(granted).toBeLessThanOrEqual(40 * rounds + 3 * 40 + 2 * 3)
  expect(granted).toBeGreaterThan(0.95 * 40 * rounds)
})

/** Every lender has its base back at once, so each level a base was lent on can cost the node a round. */
test('a base lent to a tenant and once more to a device takes the node to −2Q, and no lower', () => {
  const ledger = new Ledger({ roundTokens: 40, roundMs: ROUND_MS, nowMs: 0 })
  const a = ledger.open('A', { baseTokens: 40 })
  const without = ledger.openDevice(a, 'without', { baseTokens: 0 })
  const lender = ledger.openDevice(a, 'lender', { baseTokens: 40 })
  const b = ledger.open('B', { baseTokens: 0 })
  expect(takeAll(ledger, b, 0)).toBe(40)
  expect(takeAll(ledger, without, 1)).toBe(40)
  expect([ledger.poolTokens, a.owedTokens]).toEqual([-40, 0])
  expect(takeAll(ledger, lender, 2)).toBe(40)
  expect([ledger.poolTokens, a.owedTokens]).toEqual([-80, 40])
  for (let round = 1; round <= 20; round++) {
    for (const account of [b, without, lender]) takeAll(ledger, account, round * ROUND_MS + 3)
    expect(ledger.poolTokens).toBeGreaterThanOrEqual(-80)
  }
})

test('a tenant pays for what its devices took beyond its balance, its devices keep their base', () => {
  const { ledger, a, devices, b } = node()
  takeAll(ledger, b, 0)
  ledger.spend(devices[0], 15, 1)
  expect([a.balanceTokens, a.owedTokens]).toEqual([5, 0])
  ledger.spend(b, 5, 999)
  expect(ledger.spend(devices[1], 10, 999)).toBe(Decision.granted)
  expect(a.balanceTokens).toBe(-5)
  expect(a.owedTokens).toBe(5)
  takeAll(ledger, b, 1000)
  expect(a.balanceTokens).toBe(15)
  // The sibling's idle base is lent less what the tenant owes.
  expect(takeAll(ledger, devices[0], 1001)).toBeLessThanOrEqual(15)
  expect(takeAll(ledger, devices[1], 1002)).toBe(10)
})

test('idle tokens go to siblings first, then to other tenants', () => {
  const { ledger, devices, b } = node()
  let [sibling, other] = [0, 0]
  for (let nowMs = 0; nowMs < 20_000; nowMs += 10) {
    // Both want the 10 that d1 leaves.
    for (let i = 0; i < 2; i++) {
      const [first, second] = nowMs % 20 === 0 ? [devices[0], b] : [b, devices[0]]
      for (const account of [first, second]) {
        if (ledger.spend(account, 1, nowMs) > Decision.borrowed || nowMs < 5_000) continue
        if (account === b) other++
        else sibling++
      }
    }
  }
  expect(sibling / 15).toBeGreaterThanOrEqual(19)
  expect(other / 15).toBeLessThanOrEqual(21)
})

test('a device within its base passes a ceiling of its tenant that a sibling has used up', () => {
  const ledger = new Ledger({ roundTokens: 100, roundMs: ROUND_MS, nowMs: 0 })
  const a = ledger.open('A', { baseTokens: 20, ceilingTokens: 20 })
  const greedy = ledger.openDevice(a, 'greedy', { baseTokens: 0, weight: 1 })
  const quiet = ledger.openDevice(a, 'quiet', { baseTokens: 20 })
  expect(takeAll(ledger, greedy, 0)).toBe(20)
  expect(ledger.spend(greedy, 1, 1)).toBe(Decision.atCeiling)
  expect(ledger.spend(quiet, 20, 1)).toBe(Decision.granted)
  expect(ledger.spend(quiet, 1, 1)).toBe(Decision.atCeiling)
})

test('and also while a round that is due has not been renewed for want of refusals', () => {
  const ledger = new Ledger({ roundTokens: 100, roundMs: 1000, nowMs: 0 })
  const a = ledger.open('A', { baseTokens: 20, ceilingTokens: 20 })
  const [quiet, flood] = ['quiet', 'flood'].map((name) => ledger.openDevice(a, name, { baseTokens: 10 }))
  expect(ledger.spend(quiet!, 10, 0)).toBe(Decision.granted)
  // The sibling takes back, on its tenant's debt, what fills the tenant's bucket beyond its ceiling.
  ledger.charge(flood!, 25, 900)
  expect(ledger.spend(quiet!, 10, 1001)).toBe(Decision.granted)
  expect(ledger.roundNumber).toBe(2)
})
