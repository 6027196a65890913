import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Account } from '../../src/core/account.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'
import { atLeast } from './ledger/check.ts'
import { leavesOf, pathOf } from './ledger/oracle.ts'
import { type AccountPlan, history, type Step, type WorldPlan, worldPlan } from './ledger/plans.ts'
import { World } from './ledger/world.ts'

const LEVELS = [
  { levels: 1, of: 'tenants' },
  { levels: 2, of: 'devices' },
] as const

/** Asks within its base: at most b in every window of T, no cost above what it has. */
class Quiet {
  readonly account: Account
  readonly #world: World
  readonly #spends: { atMs: number; cost: number }[] = []
  asked = 0

  constructor(world: World, account: Account) {
    this.#world = world
    this.account = account
  }

  ask(cost: number): void {
    const { ledger, passedMs } = this.#world
    const recent = this.#spends.filter(({ atMs }) => atMs > passedMs - ledger.roundMs)
    const inWindow = recent.reduce((sum, spend) => sum + spend.cost, 0)
    const { balanceTokens, baseTokens } = this.account
    if (inWindow + cost > baseTokens || (balanceTokens > 0 && cost > balanceTokens)) return
    const decision = this.#world.spend(this.account, cost)
    if (decision !== Decision.granted && decision !== Decision.borrowed) {
      throw new Error(`refused (${decision}) within its base: ${inWindow} + ${cost} of ${baseTokens}`)
    }
    this.asked++
    this.#spends.push({ atMs: passedMs, cost })
  }
}

/** The same world, the first account that can be asked without a ceiling: costs wait for room below one. */
function withoutCeiling(plan: WorldPlan): WorldPlan {
  const open = (account: AccountPlan): AccountPlan => ({ ...account, headroom: undefined })
  const tenants = plan.tenants.map((tenant, i) =>
    i > 0 ? tenant : { ...open(tenant), devices: tenant.devices.map((d, j) => (j === 0 ? open(d) : d)) },
  )
  return { ...plan, roundMs: 7, tenants }
}

/** Everybody's plan as it is, the quiet account's made as weak as it can be. */
function withWeakest(plan: WorldPlan): WorldPlan {
  const others = (account: AccountPlan): AccountPlan => ({ ...account, priority: 0 })
  const weak = (account: AccountPlan): AccountPlan => ({ ...account, priority: 7, weight: 0, borrows: false })
  return {
    ...plan,
    tenants: plan.tenants.map((tenant, i) => ({
      ...(i === 0 ? weak(tenant) : others(tenant)),
      devices: tenant.devices.map((device, j) => (i + j === 0 ? weak(device) : others(device))),
    })),
  }
}

function quietRuns(levels: 1 | 2, plans: fc.Arbitrary<WorldPlan>): number {
  let asked = 0
  const step = fc.tuple(
    history(levels, { changes: true, charges: true, clock: true }, 3),
    fc.nat({ max: 40 }),
  )
  fc.assert(
    fc.property(plans, fc.array(step, { minLength: 5, maxLength: 40 }), (plan, rounds) => {
      const world = new World(Ledger, plan)
      const account = leavesOf(world.root)[0]!
      const quiet = new Quiet(world, account)
      const own = pathOf(account)
      for (const [steps, cost] of rounds) {
        for (const one of steps) playBeside(world, own, one)
        quiet.ask(cost)
        quiet.ask(1)
      }
      asked += quiet.asked
    }),
    { numRuns: 400 },
  )
  return asked
}

/** Lets a step happen to anybody but the accounts given. */
function playBeside(world: World, spared: readonly Account[], step: Step): void {
  if (!('who' in step)) {
    world.play(step)
    return
  }
  const leaves = world.leaves.filter((leaf) => !spared.includes(leaf))
  if (leaves.length === 0) return
  const target = leaves[step.who % leaves.length]!
  if (step.kind === 'close') world.close(target)
  else if (step.kind === 'change') world.change(target, step.plan)
  else world.play({ ...step, who: world.leaves.indexOf(target) })
}

describe.each(LEVELS)('1. isolation of $of', ({ levels }) => {
  test('within its base no account is ever refused', () => {
    expect(quietRuns(levels, worldPlan(levels))).toBeGreaterThan(3000)
  })

  test('7. nor beside any priority and weight: the last of all keeps its base', () => {
    expect(quietRuns(levels, worldPlan(levels).map(withWeakest))).toBeGreaterThan(3000)
  })

  test('a backlogged account gets its base in every window, less what it owes', () => {
    let granted = 0
    const plans = worldPlan(levels).map(withoutCeiling)
    const steps = history(levels, { charges: true }, 30)
    fc.assert(
      fc.property(plans, steps, fc.integer({ min: 1, max: 60 }), (plan, others, cost) => {
        const world = new World(Ledger, plan)
        const account = leavesOf(world.root)[0]!
        const log = backlogged(world, account, others, cost)
        checkWindows(log, account)
        granted += log.at(-1)!.granted
      }),
      { numRuns: 400 },
    )
    expect(granted).toBeGreaterThan(1000)
  })
})

interface Moment {
  /** Granted to the account before this millisecond, and what it owed then. */
  readonly granted: number
  readonly owed: number
}

/** Every millisecond the account asks until it is refused; the others do what they do in between. */
function backlogged(world: World, account: Account, others: readonly Step[], cost: number): Moment[] {
  const log: Moment[] = []
  let granted = 0
  const askAll = () => {
    log.push({ granted, owed: account.owedTokens })
    for (;;) {
      const decision = world.spend(account, cost)
      if (decision !== Decision.granted && decision !== Decision.borrowed) return
      granted += cost
    }
  }
  const own = pathOf(account)
  for (const step of others) {
    if (step.kind !== 'wait') playBeside(world, own, step)
    else {
      for (let ms = Math.round(step.rounds * 7); ms > 0; ms--) {
        world.wait(1)
        askAll()
      }
    }
  }
  log.push({ granted, owed: account.owedTokens })
  return log
}

function checkWindows(log: readonly Moment[], account: Account): void {
  for (let from = 0; from < log.length; from++) {
    for (let to = from + 7; to < log.length; to += 7) {
      const rounds = (to - from) / 7
      const got = log[to]!.granted - log[from]!.granted
      atLeast(got, account.baseTokens * rounds - log[from]!.owed)
    }
  }
}
