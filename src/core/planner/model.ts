import type { PowerSpec } from './power.ts'

/** What a node is doing. Only `active` and `waking` ones are given tenants. */
export type NodeState = 'active' | 'waking' | 'cordoned' | 'draining' | 'failed' | 'standby'

/** A machine tenants can live on. Rates in tokens/s, power in watts. */
export interface PlannerNode {
  readonly id: string
  readonly capacity: number
  readonly zone: string
  /** Money per hour while the node is up. */
  readonly feePerHour: number
  readonly power: PowerSpec
  readonly standbyWatts: number
  /** Watts when switched off for longer; taken instead of standby where the operator allows it. */
  readonly deepOffWatts: number | null
  readonly wakeMs: number
  /** Chance of failing within the hour, 0…1. */
  readonly hazard: number
  readonly state: NodeState
}

/** A tenant, where it lives, and what it is expected to want. Rates in tokens/s. */
export interface PlannerTenant {
  readonly id: string
  /** Node it lives on; null when it has no home yet. */
  readonly node: string | null
  /** Hard reservation: on every node Σ base ≤ capacity. */
  readonly base: number
  /** Rate at the last measurement. */
  readonly demand: number
  /** Forecast of the rate, and its variance ((tokens/s)²). */
  readonly mean: number
  readonly variance: number
  /** How much its failure hurts, 0…1. */
  readonly criticality: number
  /** Zones it may live in; empty: all. */
  readonly zones: readonly string[]
  /** Two tenants of one group never share a node. */
  readonly group: string | null
  /** The only node it may live on, once it is there it is never moved. */
  readonly pin: string | null
  readonly stateBytes: number
  /** False: plans may only move it off a node that cannot keep it (modes `manual` and `recommend`). */
  readonly automatic?: boolean
}

/** Price and carbon of electricity in a zone, and until when they hold. */
export interface ZoneSignal {
  readonly pricePerKwh: number
  readonly gramsPerKwh: number
  readonly holdsUntilMs: number
}

/** What the planner must know of the past. Absent entries hold nobody back. Times in milliseconds. */
export interface PlannerMemory {
  readonly nodes: Readonly<Record<string, NodeMemory>>
  /** When each tenant last moved. */
  readonly movedAtMs: Readonly<Record<string, number>>
  /** Moves and sleeps or wakes of the last hour, for the budgets. */
  readonly recentMovesMs: readonly number[]
  readonly recentNodeChangesMs: readonly number[]
  /** Moves that failed: key `tenant node`. */
  readonly failures: Readonly<Record<string, { readonly count: number; readonly atMs: number }>>
  /** Since when the load of the nodes that are up has been above the waking threshold; null: it is not. */
  readonly clusterAboveSinceMs: number | null
}

/** What the planner remembers of a node between two plans. Times in ms. */
export interface NodeMemory {
  readonly upSinceMs?: number
  /** Since when the load has been below the sleeping threshold; null: it is not. */
  readonly belowSinceMs?: number | null
  /** When it was last put to standby. */
  readonly asleepSinceMs?: number
}

/** Everything a plan depends on. Plain data, so that a plan can be made anywhere and repeated. */
export interface PlanInput {
  readonly nowMs: number
  readonly nodes: readonly PlannerNode[]
  readonly tenants: readonly PlannerTenant[]
  readonly signals: Readonly<Record<string, ZoneSignal>>
  readonly memory: PlannerMemory
}

/** The memory before the first plan. */
export const EMPTY_MEMORY: PlannerMemory = {
  nodes: {},
  movedAtMs: {},
  recentMovesMs: [],
  recentNodeChangesMs: [],
  failures: {},
  clusterAboveSinceMs: null,
}

/** The criteria; all are costs: less is better. */
export const TERMS = ['load', 'energy', 'cost', 'carbon', 'resilience'] as const
/** A term of the objective. */
export type Term = (typeof TERMS)[number]
/** One value per term: Σ risk², W, money/h, g/h, share. */
export type Terms = Readonly<Record<Term, number>>

/** Why a move is in a plan; in the order in which the planner works. */
export type Rule = 'place' | 'constraint' | 'evacuate' | 'overload' | 'consolidate' | 'relocate' | 'balance'

/** One move of a plan, with what it changes and the rule that caused it. */
export interface PlannedMove {
  readonly tenant: string
  readonly from: string | null
  readonly to: string
  readonly rule: Rule
  /** Moves with the same number are accepted together or not at all. */
  readonly bundle: number
  /** Moves of one wave may run at once without overrunning the nodes' transfer limits. */
  readonly wave: number
  /** Change of each term by this move alone, on top of the moves before it. */
  readonly change: Terms
}

/** How one profile judges a placement. */
export interface Verdict {
  readonly terms: Terms
  /** Weighted sum of the terms, each 0 at its lower bound and 1 when nothing is done. */
  readonly score: number
}

/** One profile's own plan, side by side with the others. */
export interface Alternative extends Verdict {
  readonly profile: string
  readonly moves: number
  readonly wake: number
  readonly standby: number
  /** No other alternative is at least as good in every term and better in one. */
  readonly onFront: boolean
}

/** What should be done, why, and how good it is. Plain data: store it as JSON. */
export interface Plan {
  readonly atMs: number
  readonly profile: string
  readonly moves: readonly PlannedMove[]
  /** Nodes to wake before, and to put to standby after the moves. */
  readonly wake: readonly string[]
  readonly standby: readonly string[]
  /** Doing nothing, following the plan, and what no placement undercuts. */
  readonly before: Verdict
  readonly after: Verdict
  readonly bound: Terms
  /** (after − bound) / bound for each term; null where the bound is 0. */
  readonly distance: Readonly<Record<Term, number | null>>
  readonly alternatives: readonly Alternative[]
  /** Why nothing is moved, when nothing may be. */
  readonly frozen: string | null
  /** Tenants that fit nowhere. */
  readonly homeless: readonly string[]
}
