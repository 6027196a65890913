import type { Plan } from '../../src/core/planner/model.ts'
import type { ProfileName } from '../../src/core/planner/settings.ts'
import type { Outcome } from './account.ts'
import { dayBoundKwh } from './bound.ts'
import type { Catalogue } from './catalogue.ts'
import { type Accounting, Datacentre, type DatacentreOptions } from './datacentre.ts'
import { type EnergyBook, EnergyDay } from './energy.ts'
import { ONE_ZONE, plannerPolicy, SIMULATION_TUNING, type Tuning, type ZonePlan } from './planner-policy.ts'
import { type Policy, runDay } from './run.ts'
import { thrMmt } from './thr-mmt.ts'
import type { Trace } from './traces.ts'

export const POLICIES = ['planner', 'none', 'dvfs', 'thr-mmt-0.8'] as const
export type PolicyName = (typeof POLICIES)[number]

export interface SimulationOptions {
  readonly policy: PolicyName
  readonly accounting: Accounting
  readonly standbyWatts: number
  readonly profile: ProfileName
  /** Carbon and prices; null: one zone where electricity costs nothing. */
  readonly energy: EnergyBook | null
  /** The planner's set-up; left out: the published one. */
  readonly tuning?: Tuning
}

/** One day's line of the report. */
export interface DayResult extends Outcome {
  readonly day: string
  /** What no placement can undercut, in the same accounting. */
  readonly lowerBoundKwh: number
  /** The bound the experiment published for this day, where there is one (compat). */
  readonly publishedBoundKwh: number | null
  /** Readings at which a machine got less than its base. */
  readonly baseTouched: number
  /** 0 without the files. */
  readonly costUsd: number
  readonly carbonKg: number
  /** Migrations the planner asked for, by the rule that caused them. */
  readonly movesByRule: Readonly<Record<string, number>>
}

/** Share of its MIPS each machine is guaranteed in the honest accounting. */
const BASE_SHARE = 0.05

/** Runs one day from the initial placement to its last reading. */
export function simulateDay(catalogue: Catalogue, trace: Trace, options: SimulationOptions): DayResult {
  const dcOptions: DatacentreOptions = {
    accounting: options.accounting,
    standbyWatts: options.standbyWatts,
    alwaysPeak: options.policy === 'none',
    baseShare: BASE_SHARE,
  }
  const dc = new Datacentre(catalogue, trace, dcOptions)
  const movesByRule: Record<string, number> = {}
  const count = ({ moves }: Plan) => {
    for (const { rule } of moves) movesByRule[rule] = (movesByRule[rule] ?? 0) + 1
  }
  const energy = options.energy === null ? null : new EnergyDay(options.energy, trace.day)
  const policy = policyOf(options, energy ?? ONE_ZONE, count)
  runDay(dc, catalogue, policy, (frame) => energy?.count(frame))
  const published = options.accounting === 'compat' ? catalogue.publishedBoundsKwh[trace.day] : undefined
  return {
    day: trace.day,
    ...dc.account.outcome(),
    lowerBoundKwh: dayBoundKwh(catalogue, trace, { ...dcOptions, alwaysPeak: false }),
    publishedBoundKwh: published ?? null,
    baseTouched: dc.baseTouched,
    ...(energy?.totals() ?? { costUsd: 0, carbonKg: 0 }),
    movesByRule,
  }
}

function policyOf(
  { policy, profile, tuning = SIMULATION_TUNING }: SimulationOptions,
  zones: ZonePlan,
  onPlan: (made: Plan) => void,
): Policy {
  switch (policy) {
    case 'planner':
      return plannerPolicy(profile, zones, tuning, onPlan)
    case 'none':
    case 'dvfs':
      return { initial: 'first-fit', decide: () => [] }
    case 'thr-mmt-0.8':
      return thrMmt
  }
}

/** The middle value of every number the days have in common; the mean of the two middle ones. */
export function medians(days: readonly DayResult[]): Record<string, number> {
  const result: Record<string, number> = {}
  for (const [key, value] of Object.entries(days[0] ?? {})) {
    if (typeof value !== 'number') continue
    const values = days.map((day) => Number(day[key as keyof DayResult])).sort((a, b) => a - b)
    const middle = values.length >> 1
    result[key] = values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2
  }
  return result
}
