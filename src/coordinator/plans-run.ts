import type { MoveState } from '../core/placement.ts'
import type { PlanPart } from '../core/plan-part.ts'
import type { PlanInput, PlannedMove } from '../core/planner/model.ts'
import { recheck } from '../core/planner/recheck.ts'
import type { PlannerSettings } from '../core/planner/settings.ts'
import type { Result } from '../core/result.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'
import type { Power } from './plans-power.ts'
import {
  type MoveRow,
  movesOf,
  type PlanRow,
  planOf,
  readDocument,
  setMove,
  setPlan,
  writeDocument,
} from './plans-store.ts'

/** How a plan moves tenants: through migrations. */
export interface MoveTenants {
  /**
   * Begins a migration.
   *
   * @returns refused: `again` says that the same may work a moment later (one of the nodes is busy)
   */
  start(
    tenant: string,
    to: string,
    reason: string,
  ): Result<undefined, { readonly again: boolean; readonly message: string }>
  /** Whether a migration of the tenant is open: begun, and its source not yet released. */
  isOpen(tenant: string): boolean
  /** Whether an open migration, or what one left behind, has the node as one of its ends. */
  touches(node: string): boolean
  /** Takes the migrations that are open as far as they go now. */
  drive(): Promise<void>
}

/** What a plan under way changes besides tenants; survives a restart with the plan. */
interface Run {
  readonly plan: number
  readonly wake: readonly string[]
  readonly standby: readonly string[]
  readonly checkedMs: number
  readonly startedMs: number
}

/** Bounds of a plan under way. */
export const RUNNING = {
  /** How often it is looked at, ms. */
  lookMs: 500,
  /** Steps of one look; what is left is done by the next. */
  maxSteps: 64,
  /** When what has not begun is given up, ms: by then it is about another time. */
  patienceMs: 1_800_000,
} as const

/** What carries a plan out. */
export interface RunPorts {
  readonly store: CoordinatorStore
  readonly power: Power
  readonly moves: MoveTenants
  /** Notes a move that failed, so that the pair rests. */
  readonly failed: (tenant: string, node: string, nowMs: number) => void
  /** Notes what was changed, for the hourly budgets. */
  readonly changed: (moves: number, nodes: number, nowMs: number) => void
}

/**
 * Holds an accepted plan against the present and begins what of it may still be done. Bundles that may not
 * are dropped, each with the reason.
 */
export function beginPlan(
  { store, power, changed }: RunPorts,
  row: PlanRow,
  part: PlanPart,
  input: PlanInput,
  settings: PlannerSettings,
): void {
  const { nowMs } = input
  const checked = recheck({ ...planOf(row), ...part }, input, settings)
  const why = new Map(checked.dropped.map(({ bundle, reason }) => [bundle, reason]))
  for (const { bundle, tenant } of part.heldBack) why.set(bundle, `${tenant} is not to be moved this way`)
  store.transaction(() => {
    for (const { seq, move } of movesOf(store, row.id)) {
      const reason = why.get(move.bundle)
      if (reason !== undefined) setMove(store, row.id, seq, 'dropped', reason)
    }
    const { wake, standby } = checked
    writeDocument(store, 'run', { plan: row.id, wake, standby, checkedMs: nowMs, startedMs: nowMs })
    for (const node of wake) power.wake(node, nowMs)
    for (const node of standby) power.drain(node, nowMs)
    changed(checked.moves.length, wake.length + standby.length, nowMs)
    const note = `${checked.moves.length} moves, ${wake.length} to wake, ${standby.length} to standby`
    setPlan(store, row.id, 'running', note, nowMs)
    return undefined
  })
}

/** Whether the next wave has to be checked again before it begins: the last check is `recheckMs` old. */
function checkDue(store: CoordinatorStore, row: PlanRow, recheckMs: number, nowMs: number): boolean {
  const run = readDocument<Run>(store, 'run')
  const moves = movesOf(store, row.id)
  const idle = moves.every(({ state }) => state !== 'moving')
  const waiting = moves.some(({ state }) => state === 'waiting')
  return idle && waiting && run !== undefined && nowMs - run.checkedMs >= recheckMs
}

/** Checks what is left of a running plan again and drops what may not be done any more. */
function checkAgain({ store }: RunPorts, row: PlanRow, { read, settings }: Present, nowMs: number): void {
  const run = readDocument<Run>(store, 'run')
  if (run === undefined || !checkDue(store, row, settings.recheckMs, nowMs)) return
  const input = read(nowMs)
  const waiting = movesOf(store, row.id).filter(({ state }) => state === 'waiting')
  const left = { ...planOf(row), wake: run.wake, standby: [], moves: waiting.map(({ move }) => move) }
  const why = new Map(
    recheck(left, input, settings).dropped.map(({ bundle, reason }) => [bundle, reason] as const),
  )
  store.transaction(() => {
    for (const { seq, move } of waiting) {
      const reason = why.get(move.bundle)
      if (reason !== undefined) setMove(store, row.id, seq, 'dropped', reason)
    }
    writeDocument(store, 'run', { ...run, checkedMs: nowMs })
    return undefined
  })
}

/** What a wave is held against before it begins. */
export interface Present {
  readonly read: (nowMs: number) => PlanInput
  readonly settings: PlannerSettings
}

/**
 * Takes a running plan one step further: books the moves that have ended, starts those of the first wave that
 * has not (checked again when the last check is old), and when none is left puts the emptied nodes to standby.
 */
export async function advancePlan(ports: RunPorts, row: PlanRow, present: Present): Promise<void> {
  const { store } = ports
  giveUpLate(ports, row.id, Date.now())
  // As long as a step goes on at once: migrations often take a few milliseconds.
  for (let step = 0; step < RUNNING.maxSteps; step++) {
    const nowMs = Date.now()
    const before = movesOf(store, row.id)
    for (const each of before) if (each.state === 'moving') bookMove(ports, row.id, each, nowMs)
    checkAgain(ports, row, present, nowMs)
    const open = movesOf(store, row.id).filter(({ state }) => state === 'waiting' || state === 'moving')
    const wave = Math.min(...open.map(({ move }) => move.wave))
    for (const each of open) {
      if (each.state === 'waiting' && each.move.wave === wave) startMove(ports, row.id, each, nowMs)
    }
    const after = movesOf(store, row.id)
    if (after.every((each, index) => each.state === before[index]!.state)) break
    await ports.moves.drive()
  }
  const left = movesOf(store, row.id)
  if (left.every(({ state }) => state !== 'waiting' && state !== 'moving')) endPlan(ports, row, left)
}

function giveUpLate({ store }: RunPorts, plan: number, nowMs: number): void {
  const run = readDocument<Run>(store, 'run')
  if (run?.plan === plan && nowMs - run.startedMs <= RUNNING.patienceMs) return
  for (const { seq, state } of movesOf(store, plan)) {
    if (state === 'waiting') setMove(store, plan, seq, 'dropped', 'it took too long')
  }
}

function bookMove(ports: RunPorts, plan: number, { seq, move }: MoveRow, nowMs: number): void {
  const { store, moves } = ports
  // Done with the commit: its former node forwards for a while yet, which only matters before that one sleeps.
  if (store.tenant(move.tenant)?.node === move.to) setMove(store, plan, seq, 'done')
  else if (!moves.isOpen(move.tenant)) failMove(ports, plan, seq, move, 'the migration was aborted', nowMs)
}

function startMove(ports: RunPorts, plan: number, { seq, move }: MoveRow, nowMs: number): void {
  const { store, power, moves } = ports
  const state = movesOf(store, plan).find((each) => each.seq === seq)?.state
  if (state !== 'waiting' || power.phaseOf(move.to) === 'waking') return
  const tenant = store.tenant(move.tenant)
  if (tenant?.node === move.to) {
    setMove(store, plan, seq, 'done')
    return
  }
  if (tenant !== undefined && tenant.node === null) {
    // Without a home there is nothing to migrate: the reconcile loop gives it one, now that there is room.
    store.run('UPDATE tenants SET due = 1 WHERE name = ?', move.tenant)
    setMove(store, plan, seq, 'done', 'left to the reconcile loop')
    return
  }
  if (tenant?.node !== move.from) {
    failMove(ports, plan, seq, move, 'the tenant has moved', nowMs)
    return
  }
  const started = moves.start(move.tenant, move.to, `plan ${plan}: ${move.rule}`)
  if (started.ok) setMove(store, plan, seq, 'moving')
  else if (!started.error.again) failMove(ports, plan, seq, move, started.error.message, nowMs)
}

/** A bundle that cannot be completed is not gone on with. */
function failMove(
  { store, failed }: RunPorts,
  plan: number,
  seq: number,
  move: PlannedMove,
  reason: string,
  nowMs: number,
): void {
  store.transaction(() => {
    setMove(store, plan, seq, 'failed', reason)
    for (const other of movesOf(store, plan)) {
      if (other.move.bundle !== move.bundle || other.state !== 'waiting') continue
      setMove(store, plan, other.seq, 'dropped', `${move.tenant} of the same bundle has failed`)
    }
    failed(move.tenant, move.to, nowMs)
    return undefined
  })
}

function endPlan(ports: RunPorts, row: PlanRow, moves: readonly MoveRow[]): void {
  const { store, power } = ports
  const nowMs = Date.now()
  const run = readDocument<Run>(store, 'run')
  const asleep: string[] = []
  for (const node of run?.plan === row.id ? run.standby : []) {
    const stuck = moves.find(({ move, state }) => move.from === node && state !== 'done')
    if (stuck !== undefined) {
      power.stay(node, nowMs, stuck.reason ?? 'a move failed')
      continue
    }
    // Its tenants have left, but it forwards what comes late until they are released.
    if (power.occupancy(node) === 'busy' && nowMs - run!.startedMs <= RUNNING.patienceMs) return
    power.sleep(node, nowMs)
    if (power.phaseOf(node) === 'draining') power.stay(node, nowMs, 'it is not empty')
    else asleep.push(node)
  }
  const count = (state: MoveState) => moves.filter((each) => each.state === state).length
  const parts = [
    `${count('done')} of ${moves.length} moves done`,
    ...(count('failed') > 0 ? [`${count('failed')} failed`] : []),
    ...(count('dropped') > 0 ? [`${count('dropped')} dropped`] : []),
    ...((run?.wake.length ?? 0) > 0 ? [`woken: ${run!.wake.join(', ')}`] : []),
    ...(asleep.length > 0 ? [`to standby: ${asleep.join(', ')}`] : []),
  ]
  store.transaction(() => {
    setPlan(store, row.id, 'done', parts.join(', '), nowMs)
    const event = { kind: 'Plan', name: String(row.id), reason: 'Done', message: parts.join(', ') } as const
    record(store, event, nowMs)
    return undefined
  })
}
