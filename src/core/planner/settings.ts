import type { Term } from './model.ts'

/** Weight of each term, ≥ 0. */
export type Weights = Readonly<Record<Term, number>>

/** How much each criterion counts; each sums to 1. */
export const PROFILES = {
  balanced: { load: 0.3, energy: 0.2, cost: 0.15, carbon: 0.1, resilience: 0.25 },
  eco: { load: 0.2, energy: 0.35, cost: 0.1, carbon: 0.25, resilience: 0.1 },
  cheap: { load: 0.2, energy: 0.15, cost: 0.45, carbon: 0.05, resilience: 0.15 },
  safe: { load: 0.35, energy: 0.05, cost: 0.05, carbon: 0.05, resilience: 0.5 },
} as const satisfies Record<string, Weights>

/** The named profiles of `urbanization`. */
export type ProfileName = keyof typeof PROFILES

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Knobs of the planner. Times in milliseconds, loads and shares 0…1. */
export interface PlannerSettings {
  readonly profile: ProfileName
  readonly profiles: Readonly<Record<ProfileName, Weights>>
  /** Head-room of the forecast: a node is judged by mean + z standard deviations. */
  readonly z: number
  /** Load (with head-room) above which a node counts as risky. */
  readonly riskLoad: number
  /** Load (with head-room) no optimising move may bring a node above. */
  readonly packLoad: number
  /** Share of the capacity the last measured demand may take after a move. */
  readonly packDemand: number
  /** Measured load above which a node is relieved, unless its mean stays below `overloadMean`. */
  readonly overloadLoad: number
  readonly overloadMean: number
  /**
   * Forecast load (with head-room) above which an overload is expected to last. One that is not is relieved
   * only where a single move is enough and no node has to be woken for it.
   */
  readonly lastingLoad: number
  readonly sleepBelowLoad: number
  readonly sleepAfterMs: number
  readonly wakeAboveLoad: number
  readonly wakeAfterMs: number
  readonly minStayMs: number
  readonly minUpMs: number
  /** How long an improvement is expected to last. */
  readonly expectedStayMs: number
  /** What moving every tenant once would cost, in score × hours. */
  readonly moveCost: number
  /** Share of the gain a bundle must bring per share of the disruption it makes. */
  readonly minGainPerDisruption: number
  /** Shares of nodes and of tenants that may change in an hour. */
  readonly nodesPerHour: number
  readonly tenantsPerHour: number
  /** Transfers a node takes part in at once, each way. */
  readonly transfersPerNode: number
  /** Minutes of the UTC day in which plans may optimise; empty: always. */
  readonly windows: readonly { readonly fromMinute: number; readonly toMinute: number }[]
  /** Share of failed nodes above which nothing is moved any more. */
  readonly freezeAbove: number
  /** Free capacity kept awake: at least this share of what is up, and `headroomNodes` of the largest node. */
  readonly headroomShare: number
  readonly headroomNodes: number
  /** Time between two measurements, and the forecast's gain: how far it may be off once a node has woken. */
  readonly sampleMs: number
  readonly forecastGain: number
  /** First wait after a failed move; doubles with every failure. */
  readonly backOffMs: number
  /** A plan is checked again when it is this old, before it runs. */
  readonly recheckMs: number
}

/** The settings a cluster starts with. */
export const DEFAULT_SETTINGS: PlannerSettings = {
  profile: 'balanced',
  profiles: PROFILES,
  z: 1.65,
  riskLoad: 0.9,
  packLoad: 0.95,
  packDemand: 0.95,
  overloadLoad: 0.95,
  overloadMean: 0,
  lastingLoad: 0,
  sleepBelowLoad: 0.45,
  sleepAfterMs: 40 * MINUTE_MS,
  wakeAboveLoad: 0.81,
  wakeAfterMs: 5 * MINUTE_MS,
  minStayMs: 15 * MINUTE_MS,
  minUpMs: 20 * MINUTE_MS,
  expectedStayMs: 4 * HOUR_MS,
  moveCost: 1,
  minGainPerDisruption: 0.5,
  nodesPerHour: 0.1,
  tenantsPerHour: 0.05,
  transfersPerNode: 2,
  windows: [],
  freezeAbove: 0.45,
  headroomShare: 0.1,
  headroomNodes: 1,
  sampleMs: MINUTE_MS,
  forecastGain: 0.03,
  backOffMs: 5 * MINUTE_MS,
  recheckMs: 15_000,
}
