import type { Alternative, PlannedMove, Term, Verdict } from './planner/model.ts'
import { DEFAULT_SETTINGS, type PlannerSettings, type ProfileName, type Weights } from './planner/settings.ts'

/** Who lets a plan run: nobody (plans are only shown), a person, or the coordinator itself. */
export const PLACEMENT_MODES = ['manual', 'recommend', 'automatic'] as const

/** One of {@link PLACEMENT_MODES}. */
export type PlacementMode = (typeof PLACEMENT_MODES)[number]

/** The planner's knobs an operator may set; the rest of them are set by their own fields. */
export type PlannerKnobs = Omit<PlannerSettings, 'profile' | 'profiles' | 'sampleMs' | 'forecastGain'>

/** How the cluster is placed. Times in ms. */
export interface PlacementSettings {
  readonly mode: PlacementMode
  readonly profile: ProfileName
  /** Weights other than the profiles' own. */
  readonly profiles: Partial<Readonly<Record<ProfileName, Weights>>>
  /** How often tenants are measured and a plan is made. */
  readonly everyMs: number
  /** Weight of the newest measurement in the forecast, 0 … 1. */
  readonly forecastGain: number
  /** Knobs other than the planner's own defaults. */
  readonly planner: Partial<PlannerKnobs>
  /** What is called to put a machine to standby and to wake it; without it no node ever sleeps. */
  readonly hook: { readonly url: string; readonly timeoutMs: number } | null
}

/** Before anybody has set anything: plans are made and shown, a person accepts them, no node sleeps. */
export const DEFAULT_PLACEMENT: PlacementSettings = {
  mode: 'recommend',
  profile: DEFAULT_SETTINGS.profile,
  profiles: {},
  everyMs: 60_000,
  forecastGain: 0.03,
  planner: {},
  hook: null,
}

/** The planner's settings for a cluster. Without a hook no node may change, so none is put to standby. */
export function plannerSettings(placement: PlacementSettings): PlannerSettings {
  const { profile, profiles, planner } = placement
  return {
    ...DEFAULT_SETTINGS,
    ...planner,
    profile,
    profiles: { ...DEFAULT_SETTINGS.profiles, ...profiles },
    sampleMs: placement.everyMs,
    forecastGain: placement.forecastGain,
    ...(placement.hook === null ? { nodesPerHour: 0 } : {}),
  }
}

/** The stricter of two modes: what both allow. */
export function stricter(a: PlacementMode, b: PlacementMode): PlacementMode {
  return PLACEMENT_MODES[Math.min(PLACEMENT_MODES.indexOf(a), PLACEMENT_MODES.indexOf(b))]!
}

/**
 * How far a plan is: `proposed` waits for a person, `accepted` for its second check, `running` for its moves;
 * the others are ends. `superseded`: a newer plan says something else.
 */
export const PLAN_STATES = ['proposed', 'accepted', 'running', 'done', 'rejected', 'superseded'] as const

/** One of {@link PLAN_STATES}. */
export type PlanState = (typeof PLAN_STATES)[number]

/** How far a move of a plan is. */
export const MOVE_STATES = ['waiting', 'moving', 'done', 'failed', 'dropped'] as const

/** One of {@link MOVE_STATES}. */
export type MoveState = (typeof MOVE_STATES)[number]

/** A move with what became of it. */
export interface MoveView extends PlannedMove {
  readonly state: MoveState
  /** Why it was dropped or failed. */
  readonly reason?: string
}

/** A plan in a list. */
export interface PlanSummary {
  readonly id: number
  readonly atMs: number
  readonly profile: string
  /** The cluster's mode when the plan was made. */
  readonly mode: PlacementMode
  readonly state: PlanState
  readonly changedMs: number
  /** Who accepted or rejected it; absent for the coordinator itself. */
  readonly actor?: string
  /** What became of it, one sentence. */
  readonly note: string
  readonly moves: number
  readonly wake: readonly string[]
  readonly standby: readonly string[]
  /** J before and after; 0 is the bound. */
  readonly scoreBefore: number
  readonly scoreAfter: number
}

/** A plan with all that explains it. */
export interface PlanView extends Omit<PlanSummary, 'moves'> {
  readonly moves: readonly MoveView[]
  readonly before: Verdict
  readonly after: Verdict
  readonly bound: Readonly<Record<Term, number>>
  readonly distance: Readonly<Record<Term, number | null>>
  readonly alternatives: readonly Alternative[]
  readonly frozen: string | null
  readonly homeless: readonly string[]
}

/**
 * Whether a machine is on. `draining`: its tenants are leaving, so that it can sleep; `falling` and `waking`:
 * the hook has been, or is being, told.
 */
export const POWER_PHASES = ['up', 'draining', 'falling', 'standby', 'waking'] as const

/** One of {@link POWER_PHASES}. */
export type PowerPhase = (typeof POWER_PHASES)[number]

/** What a node has used. */
export interface EnergyView {
  readonly node: string
  readonly phase: PowerPhase
  readonly sinceMs: number
  readonly atMs: number
  /** Now: watts, and the share of the capacity in use. */
  readonly watts: number
  readonly load: number
  readonly wh: number
  readonly standbyWh: number
  readonly cost: number
  readonly grams: number
  /** Share of `wh` for which there was a valid price, and a valid carbon intensity. */
  readonly pricedShare: number
  readonly gradedShare: number
  readonly unknownMs: number
}

/** The settings with the revision that `If-Match` names. */
export interface PlacementState extends PlacementSettings {
  readonly revision: number
  /** The knobs as they are in effect, defaults included. */
  readonly effective: PlannerSettings
}
