import type { Page, WriteFault, WriteResult } from '../core/coordinator-api.ts'
import {
  DEFAULT_PLACEMENT,
  type MoveState,
  type MoveView,
  type PlacementMode,
  type PlacementSettings,
  type PlacementState,
  type PlanState,
  type PlanSummary,
  type PlanView,
  plannerSettings,
} from '../core/placement.ts'
import type { Plan, PlannedMove } from '../core/planner/model.ts'
import { err } from '../core/result.ts'
import type { CoordinatorStore } from './coordinator-store.ts'

/** Plans kept; the oldest that have ended go first. */
export const MAX_PLANS = 200

/** A row of `plans`. */
export type PlanRow = {
  id: number
  at_ms: number
  mode: string
  state: string
  changed_ms: number
  actor: string | null
  note: string
  moves: number
  signature: string
  /** The {@link Plan} without its moves as JSON. */
  plan: string
}

/** A move of a plan under way. */
export interface MoveRow {
  readonly seq: number
  readonly move: PlannedMove
  readonly state: MoveState
  readonly reason: string | null
}

/** A document of `documents`; undefined when it was never written. */
export function readDocument<T>(store: CoordinatorStore, key: string): T | undefined {
  const [row] = store.all<{ value: string }>('SELECT value FROM documents WHERE key = ?', key)
  return row === undefined ? undefined : (JSON.parse(row.value) as T)
}

/** Writes a document. */
export function writeDocument(store: CoordinatorStore, key: string, value: object): void {
  store.run('INSERT OR REPLACE INTO documents (key, value) VALUES (?, ?)', key, JSON.stringify(value))
}

/** How the cluster is placed. */
export function readPlacement(store: CoordinatorStore): PlacementSettings {
  return { ...DEFAULT_PLACEMENT, ...readDocument<Partial<PlacementSettings>>(store, 'placement') }
}

/** The settings for people and programs. */
export function placementView(store: CoordinatorStore): PlacementState {
  const placement = readPlacement(store)
  const revision = store.number('placement-revision')
  return { ...placement, revision, effective: plannerSettings(placement) }
}

/** What a plan would do, to tell two plans apart. */
export function signatureOf({ moves, wake, standby }: Plan): string {
  const homes = moves.map(({ tenant, to }) => `${tenant}>${to}`).sort()
  return JSON.stringify([homes, [...wake].sort(), [...standby].sort()])
}

/** Keeps a new plan. @returns its id */
export function insertPlan(store: CoordinatorStore, plan: Plan, mode: PlacementMode, nowMs: number): number {
  const { moves, ...rest } = plan
  const [row] = store.all<{ id: number }>(
    `INSERT INTO plans (at_ms, mode, state, changed_ms, note, moves, signature, plan)
     VALUES (?, ?, 'proposed', ?, '', ?, ?, ?) RETURNING id`,
    plan.atMs,
    mode,
    nowMs,
    moves.length,
    signatureOf(plan),
    JSON.stringify(rest),
  )
  const id = row!.id
  for (const [seq, move] of moves.entries()) {
    const values = [id, seq, JSON.stringify(move)] as const
    store.run(`INSERT INTO plan_moves (plan, seq, move, state) VALUES (?, ?, ?, 'waiting')`, ...values)
  }
  trimPlans(store)
  return id
}

/** Whether the plan with this row says the same as `plan`. */
export function saysTheSame(row: PlanRow, plan: Plan): boolean {
  return row.signature === signatureOf(plan)
}

function trimPlans(store: CoordinatorStore): void {
  const old = `SELECT id FROM plans WHERE state NOT IN ('proposed', 'accepted', 'running')
    AND id <= (SELECT MAX(id) FROM plans) - ${MAX_PLANS}`
  store.run(`DELETE FROM plan_moves WHERE plan IN (${old})`)
  store.run(`DELETE FROM plans WHERE id IN (${old})`)
}

/** The plan that is accepted or running; at most one is. */
export function activePlan(store: CoordinatorStore): PlanRow | undefined {
  return store.all<PlanRow>(
    `SELECT * FROM plans WHERE state IN ('accepted', 'running') ORDER BY id LIMIT 1`,
  )[0]
}

/** The plan that waits for a person. */
export function proposedPlan(store: CoordinatorStore): PlanRow | undefined {
  return store.all<PlanRow>(`SELECT * FROM plans WHERE state = 'proposed' ORDER BY id DESC LIMIT 1`)[0]
}

/** One plan's row. */
export function planRow(store: CoordinatorStore, id: number): PlanRow | undefined {
  return store.all<PlanRow>('SELECT * FROM plans WHERE id = ?', id)[0]
}

/** Moves a plan to another state. */
export function setPlan(
  store: CoordinatorStore,
  id: number,
  state: PlanState,
  note: string,
  nowMs: number,
  actor?: string,
): void {
  store.run(
    'UPDATE plans SET state = ?, note = ?, changed_ms = ?, actor = COALESCE(?, actor) WHERE id = ?',
    state,
    note.slice(0, 1_000),
    nowMs,
    actor ?? null,
    id,
  )
}

/** The moves of a plan in their order. */
export function movesOf(store: CoordinatorStore, id: number): MoveRow[] {
  const rows = store.all<{ seq: number; move: string; state: string; reason: string | null }>(
    'SELECT seq, move, state, reason FROM plan_moves WHERE plan = ? ORDER BY seq',
    id,
  )
  return rows.map(({ seq, move, state, reason }) => ({
    seq,
    move: JSON.parse(move) as PlannedMove,
    state: state as MoveState,
    reason,
  }))
}

/** Says how far a move is. */
export function setMove(
  store: CoordinatorStore,
  plan: number,
  seq: number,
  state: MoveState,
  reason?: string,
): void {
  store.run(
    'UPDATE plan_moves SET state = ?, reason = ? WHERE plan = ? AND seq = ?',
    state,
    reason?.slice(0, 300) ?? null,
    plan,
    seq,
  )
}

/** The plan of a row without its moves. */
export function planOf(row: PlanRow): Omit<Plan, 'moves'> {
  return JSON.parse(row.plan) as Omit<Plan, 'moves'>
}

function summary(row: PlanRow, plan: Omit<Plan, 'moves'>): PlanSummary {
  return {
    id: row.id,
    atMs: row.at_ms,
    profile: plan.profile,
    mode: row.mode as PlacementMode,
    state: row.state as PlanState,
    changedMs: row.changed_ms,
    ...(row.actor === null ? {} : { actor: row.actor }),
    note: row.note,
    moves: row.moves,
    wake: plan.wake,
    standby: plan.standby,
    scoreBefore: plan.before.score,
    scoreAfter: plan.after.score,
  }
}

/** Plans, newest first. @param before only those with a lower id */
export function listPlans(
  store: CoordinatorStore,
  limit: number,
  before = Number.MAX_SAFE_INTEGER,
): Page<PlanSummary> {
  const rows = store.all<PlanRow>(
    'SELECT * FROM plans WHERE id < ? ORDER BY id DESC LIMIT ?',
    before,
    limit + 1,
  )
  const items = rows.slice(0, limit).map((row) => summary(row, planOf(row)))
  return rows.length > limit ? { items, next: String(items.at(-1)!.id) } : { items }
}

/** A plan with all that explains it. */
export function planView(store: CoordinatorStore, row: PlanRow): PlanView {
  const plan = planOf(row)
  const { before, after, bound, distance, alternatives, frozen, homeless } = plan
  const moves = movesOf(store, row.id).map(
    ({ move, state, reason }): MoveView => ({ ...move, state, ...(reason === null ? {} : { reason }) }),
  )
  return { ...summary(row, plan), moves, before, after, bound, distance, alternatives, frozen, homeless }
}

/** The refusal of a write to a plan. */
export function planFault<T>(code: WriteFault['code'], message: string): WriteResult<T> {
  return err([{ code, message }])
}
