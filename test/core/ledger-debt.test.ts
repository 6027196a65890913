import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'
import { same } from './ledger/check.ts'
import { allAccounts, leavesOf } from './ledger/oracle.ts'
import { type AccountPlan, history, worldPlan } from './ledger/plans.ts'
import { World } from './ledger/world.ts'

const BORROWER: AccountPlan = {
  part: 0,
  weight: 3,
  priority: 4,
  headroom: undefined,
  lendable: 1,
  borrows: true,
  devices: [],
}

/** What the rest of a run depends on. */
function stateOf(world: World): unknown[] {
  return allAccounts(world.root).map((a) => [
    a.balanceTokens,
    a.owedTokens,
    a.allottedTokens,
    a.grantedTokens,
  ])
}

describe.each([1, 2] as const)('6. forgiveness, %i level(s)', (levels) => {
  test('who borrowed what before a redistribution changes nothing after it', () => {
    let borrowed = 0
    const plans = worldPlan(levels).map((plan) => ({
      ...plan,
      afterRestart: false,
      // Two tenants without a base, each with one device where there are devices, borrow what is idle.
      tenants: [
        ...plan.tenants.map((tenant) => ({ ...tenant, lendable: 1, devices: withoutLimits(tenant.devices) })),
        ...[0, 1].map(() => ({ ...BORROWER, devices: levels === 1 ? [] : [BORROWER] })),
      ],
    }))
    fc.assert(
      fc.property(
        plans,
        fc.double({ min: 0, max: 1, noNaN: true }),
        history(levels, { charges: true }),
        (plan, part, steps) => {
          const worlds = [part, 1 - part].map((share) => {
            const world = new World(Ledger, plan)
            const [x, y] = leavesOf(world.root).slice(-2) as [Account, Account]
            world.wait(0.6 * plan.roundMs)
            world.spend(x, 0)
            world.wait(0.5 * plan.roundMs)
            // The round is due, so claims are no limit: the two take all there is, this way or that way, and
            // have asked for as much.
            const idle = world.ledger.poolTokens
            const mine = Math.round(share * idle)
            world.demand(x, idle - mine)
            world.demand(y, mine)
            borrow(world, x, mine)
            borrow(world, y, idle - mine)
            same(world.ledger.poolTokens, 0)
            borrowed += idle
            world.demand(x, 0)
            same(world.ledger.roundNumber, 2)
            return world
          })
          for (const step of steps) {
            for (const world of worlds) world.play(step)
            same(JSON.stringify(stateOf(worlds[0]!)), JSON.stringify(stateOf(worlds[1]!)))
          }
        },
      ),
      { numRuns: 300 },
    )
    expect(borrowed).toBeGreaterThan(1000)
  })
})

function withoutLimits(devices: readonly AccountPlan[]): AccountPlan[] {
  return devices.map((device) => ({ ...device, lendable: 1 }))
}

function borrow(world: World, account: Account, amount: number): void {
  if (amount > 0) same(world.spend(account, amount), Decision.borrowed)
}

describe('own debt is never forgiven', () => {
  test('base 10 and requests of cost 50 make one request every five rounds', () => {
    const ledger = new Ledger({ roundTokens: 20, roundMs: 1000, nowMs: 0 })
    const costly = ledger.open('costly', { baseTokens: 10 })
    const other = ledger.open('other', { baseTokens: 10 })
    const admittedAtMs: number[] = []
    for (let nowMs = 0; nowMs < 30_000; nowMs += 10) {
      for (let i = 0; i < 10; i++) ledger.spend(other, 1, nowMs)
      if (ledger.spend(costly, 50, nowMs) === Decision.granted) admittedAtMs.push(nowMs)
    }
    expect(admittedAtMs).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000])
  })

  test('a charge after the fact that nothing idle covers is paid from the next rounds', () => {
    const ledger = new Ledger({ roundTokens: 10, roundMs: 1000, nowMs: 0 })
    const account = ledger.open('a', { baseTokens: 10 })
    ledger.charge(account, 35, 0)
    expect([account.balanceTokens, account.owedTokens]).toEqual([-25, 25])
    expect(ledger.spend(account, 1, 1000)).toBe(Decision.refused)
    expect([account.balanceTokens, account.owedTokens]).toEqual([-15, 15])
    expect(ledger.spend(account, 1, 2000)).toBe(Decision.refused)
    expect(ledger.spend(account, 1, 3000)).toBe(Decision.granted)
    expect([account.balanceTokens, account.owedTokens]).toEqual([4, 0])
  })

  test('a refund within the round pays debt back first, one of an earlier round is lost', () => {
    const ledger = new Ledger({ roundTokens: 10, roundMs: 1000, nowMs: 0 })
    const account = ledger.open('a', { baseTokens: 10 })
    ledger.spend(account, 8, 0)
    ledger.charge(account, 6, 0)
    expect(account.owedTokens).toBe(4)
    expect(ledger.refund(account, 6, 1)).toBe(6)
    expect([account.balanceTokens, account.owedTokens, ledger.poolTokens]).toEqual([2, 0, 2])
    expect(ledger.refund(account, 100, 1)).toBe(8)
    expect(ledger.poolTokens).toBe(10)
    ledger.spend(account, 10, 1)
    ledger.spend(account, 1, 1000)
    expect(ledger.refund(account, 5, 1)).toBe(0)
    expect(account.balanceTokens).toBe(9)
  })
})
