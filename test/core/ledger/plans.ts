import fc from 'fast-check'
import type { AccountSettings } from '../../../src/core/account.ts'

/** Settings of a random account; its base is its part of what its parent hands out. */
export interface AccountPlan {
  readonly part: number
  readonly weight: number | undefined
  readonly priority: number
  /** Ceiling above the base, as a share of the round; undefined: none. */
  readonly headroom: number | undefined
  readonly lendable: number
  readonly borrows: boolean
  readonly devices: readonly AccountPlan[]
}

/** A random node with its tenants. */
export interface WorldPlan {
  readonly roundMs: number
  readonly roundTokens: number
  /** Share of the round that bases may fill. */
  readonly filled: number
  readonly afterRestart: boolean
  readonly tenants: readonly AccountPlan[]
}

/** One thing that happens; `who` picks an account among those that are open. */
export type Step =
  | { readonly kind: 'spend'; readonly who: number; readonly cost: number; readonly times: number }
  | { readonly kind: 'lease'; readonly who: number; readonly wanted: number; readonly first: number }
  | { readonly kind: 'charge'; readonly who: number; readonly cost: number }
  | { readonly kind: 'refund'; readonly who: number; readonly cost: number; readonly late: boolean }
  | { readonly kind: 'demand'; readonly who: number; readonly cost: number }
  | { readonly kind: 'wait'; readonly rounds: number }
  | { readonly kind: 'back'; readonly rounds: number }
  | { readonly kind: 'change'; readonly who: number; readonly plan: AccountPlan }
  | { readonly kind: 'close'; readonly who: number }
  | { readonly kind: 'open'; readonly plan: AccountPlan }
  | { readonly kind: 'resize'; readonly factor: number }
  | { readonly kind: 'restart' }

const who = fc.nat({ max: 11 })
const cost = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 80 }))
const settings = {
  part: fc.nat({ max: 5 }),
  weight: fc.option(fc.nat({ max: 9 }), { nil: undefined }),
  priority: fc.nat({ max: 7 }),
  headroom: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(0, 0.01, 0.1, 0.5, 1.5) },
  ),
  lendable: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, fc.constantFrom(0, 0.3, 0.5)),
  borrows: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
}
const leafPlan: fc.Arbitrary<AccountPlan> = fc.record({ ...settings, devices: fc.constant([]) })

/** An account of a flat world, or a tenant that may have devices. */
export function accountPlan(levels: 1 | 2): fc.Arbitrary<AccountPlan> {
  if (levels === 1) return leafPlan
  return fc.record({ ...settings, devices: fc.array(leafPlan, { maxLength: 3 }) })
}

export function worldPlan(levels: 1 | 2): fc.Arbitrary<WorldPlan> {
  return fc.record({
    roundMs: fc.constantFrom(7, 100, 1000),
    roundTokens: fc.integer({ min: 5, max: 300 }),
    filled: fc.constantFrom(0.3, 0.8, 1, 1),
    afterRestart: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
    tenants: fc.array(accountPlan(levels), { minLength: 1, maxLength: 5 }),
  })
}

const traffic: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('spend'), who, cost, times: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('lease'), who, wanted: fc.nat({ max: 120 }), first: cost }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('demand'), who, cost }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('refund'), who, cost, late: fc.boolean() }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      rounds: fc.oneof(fc.constantFrom(0.1, 0.5, 1, 1.1), fc.double({ min: 0, max: 3, noNaN: true })),
    }),
  },
]
/** Spends that leave most of a round unused, so that rounds outlast their time. */
const light: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('spend'),
      who,
      cost: fc.integer({ min: 1, max: 3 }),
      times: fc.constantFrom(1, 2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait'), rounds: fc.constantFrom(0.1, 0.3, 0.7) }),
  },
]
const clock: fc.WeightedArbitrary<Step>[] = [
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('back'), rounds: fc.double({ min: 0, max: 5, noNaN: true }) }),
  },
]
const charges: fc.WeightedArbitrary<Step>[] = [
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('charge'), who, cost }) },
]
function changes(levels: 1 | 2): fc.WeightedArbitrary<Step>[] {
  const plan = accountPlan(levels)
  return [
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('change'), who, plan }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close'), who }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('open'), plan }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('resize'),
        factor: fc.double({ min: 0.5, max: 2, noNaN: true }),
      }),
    },
  ]
}

const restarts: fc.WeightedArbitrary<Step>[] = [
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
]

/** What else may happen beside spends, leases, refunds and passing time. */
export interface Happenings {
  /** Nothing but a few small spends as time passes, beside what else is named here. */
  readonly light?: boolean
  readonly charges?: boolean
  readonly changes?: boolean
  readonly clock?: boolean
  readonly restarts?: boolean
}

/** A random history of a world. */
export function history(levels: 1 | 2, also: Happenings, maxLength = 120): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.oneof(
      ...(also.light ? light : traffic),
      ...(also.clock ? clock : []),
      ...(also.charges ? charges : []),
      ...(also.changes ? changes(levels) : []),
      ...(also.restarts ? restarts : []),
    ),
    { minLength: Math.min(10, maxLength), maxLength },
  )
}

/** The settings a plan stands for, with a base of `baseTokens` on a node of `roundTokens`. */
export function settingsOf(plan: AccountPlan, baseTokens: number, roundTokens: number): AccountSettings {
  return {
    baseTokens,
    ...(plan.weight === undefined ? {} : { weight: plan.weight }),
    priority: plan.priority,
    ...(plan.headroom === undefined
      ? {}
      : { ceilingTokens: Math.max(1, baseTokens + Math.floor(plan.headroom * roundTokens)) }),
    lendable: plan.lendable,
    borrows: plan.borrows,
  }
}

/** Splits `total` in proportion to the plans' parts, rounded down. */
export function splitBase(total: number, plans: readonly AccountPlan[]): number[] {
  const parts = plans.reduce((sum, plan) => sum + plan.part, 0)
  return plans.map((plan) => (parts === 0 ? 0 : Math.floor((total * plan.part) / parts)))
}
