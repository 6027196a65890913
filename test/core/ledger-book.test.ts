import { expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'

/**
 * The rule of Pujolle, Software Networks (ch. 1): base tokens 10, 5 and 1, unit costs, greedy, pacing never
 * binding; redistribution when the balances sum to zero. The ledger paces: so the first request comes while
 * the round runs and the others once it is due, where nobody's claim is in the way.
 */
test.each([
  { order: 'A*16', balances: [-6, 5, 1], sum: 0, round: 1 },
  { order: 'A*17', balances: [9, 5, 1], sum: 15, round: 2 },
  { order: 'C*16 A', balances: [9, 5, 1], sum: 15, round: 2 },
  { order: 'B*8 C*4 A*4', balances: [6, -3, -3], sum: 0, round: 1 },
  { order: 'B*8 C*4 A*5', balances: [9, 5, 1], sum: 15, round: 2 },
])('the book, 10/5/1: $order leaves $balances', ({ order, balances, sum, round }) => {
  const ledger = new Ledger({ roundTokens: 16, roundMs: 1000, nowMs: 0 })
  const accounts = new Map<string, Account>()
  for (const [name, baseTokens] of [
    ['A', 10],
    ['B', 5],
    ['C', 1],
  ] as const) {
    accounts.set(name, ledger.open(name, { baseTokens }))
  }
  const spenders = order.split(' ').flatMap((part) => {
    const [name, times] = part.split('*')
    return Array<Account>(Number(times ?? 1)).fill(accounts.get(name!)!)
  })
  spenders.forEach((account, i) => {
    const decision = ledger.spend(account, 1, i === 0 ? 500 : 1000)
    expect(decision === Decision.granted || decision === Decision.borrowed).toBe(true)
  })
  expect([...accounts.values()].map((account) => account.balanceTokens)).toEqual(balances)
  expect(ledger.poolTokens).toBe(sum)
  expect(ledger.roundNumber).toBe(round)
})
