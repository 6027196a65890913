import type { WriteOptions, WriteResult } from '../core/coordinator-api.ts'
import {
  type EnergyView,
  type PlacementMode,
  type PlacementSettings,
  type PlacementState,
  type PlanView,
  plannerSettings,
  stricter,
} from '../core/placement.ts'
import { partOf } from '../core/plan-part.ts'
import { remember, rememberFailure } from '../core/planner/memory.ts'
import { EMPTY_MEMORY, type Plan, type PlanInput, type PlannerMemory } from '../core/planner/model.ts'
import { plan } from '../core/planner/plan.ts'
import { ok } from '../core/result.ts'
import type { ZoneNow } from '../core/zone-signals.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'
import { type HookTerms, hookFault } from './plans-hook.ts'
import { InputReader } from './plans-input.ts'
import { Measurements, type Sources } from './plans-measure.ts'
import { type Occupancy, Power } from './plans-power.ts'
import { advancePlan, beginPlan, type MoveTenants, RUNNING } from './plans-run.ts'
import {
  activePlan,
  insertPlan,
  type PlanRow,
  placementView,
  planFault,
  planOf,
  planRow,
  planView,
  proposedPlan,
  readDocument,
  readPlacement,
  saysTheSame,
  setPlan,
  writeDocument,
} from './plans-store.ts'

/** What placement needs of the coordinator. */
export interface PlansPorts extends Sources {
  /** Valid prices and carbon intensities by zone. */
  readonly zones: (nowMs: number) => ReadonlyMap<string, ZoneNow>
  /** Nodes that get no new tenants, with the reason. */
  readonly avoid: (nowMs: number) => ReadonlyMap<string, string>
  readonly hook: HookTerms
  readonly moves: MoveTenants
}

/** How long a rejected plan is not proposed again, ms. */
const REJECTED_MS = 3_600_000

/**
 * Where tenants should live: measures them, plans, has plans accepted and carries them out, and keeps the
 * books of energy. Everything goes in small steps driven by the alarm; what a step leaves is durable.
 */
export class Plans {
  readonly #store: CoordinatorStore
  readonly #ports: PlansPorts
  readonly #input: InputReader
  readonly #measured: Measurements
  readonly #power: Power
  #memory: PlannerMemory
  #measureDueMs: number
  /** When a plan under way is looked at next. */
  #lookDueMs = 0
  #running: Promise<void> | undefined

  constructor(store: CoordinatorStore, ports: PlansPorts, nowMs: number) {
    this.#store = store
    this.#ports = ports
    this.#input = new InputReader(store)
    this.#measured = new Measurements(store, ports, nowMs)
    this.#power = new Power(store, ports.hook, (node) => this.#occupancy(node))
    this.#memory = readDocument<PlannerMemory>(store, 'memory') ?? EMPTY_MEMORY
    this.#measureDueMs = nowMs + readPlacement(store).everyMs
  }

  /** When {@link run} has something to do, ms; undefined without nodes. */
  dueMs(): number | undefined {
    if (this.#store.all('SELECT 1 FROM nodes LIMIT 1').length === 0) return undefined
    const due = [this.#measureDueMs]
    const powerMs = this.#power.dueMs()
    if (powerMs !== undefined) due.push(powerMs)
    const active = activePlan(this.#store)
    if (active?.state === 'running') due.push(this.#lookDueMs)
    if (active?.state === 'accepted') due.push(this.#runsAtMs(active))
    return Math.min(...due)
  }

  /** Does what is due. One run at a time; calls during a run share it. */
  run(): Promise<void> {
    this.#running ??= this.#steps()
      .catch((error: unknown) => console.error('placement', error))
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  async #steps(): Promise<void> {
    const placement = readPlacement(this.#store)
    const measures = this.#measureDueMs <= Date.now()
    // Before the work, so that an error in it does not bring the alarm back at once.
    if (measures) this.#measureDueMs = Date.now() + placement.everyMs
    this.#lookDueMs = Date.now() + RUNNING.lookMs
    const woken = await this.#power.advance(placement.hook)
    for (const node of woken) this.#rememberNode(node, { upSinceMs: Date.now() })
    const active = activePlan(this.#store)
    const begins = active?.state === 'accepted' && this.#runsAtMs(active) <= Date.now()
    if (measures || begins) await this.#look(placement)
    if (active !== undefined) await this.#carryOut(active, placement)
    else if (measures) this.#propose(placement)
    if (this.#measured.saveDueMs <= Date.now()) this.save()
  }

  /** Measures, and brings energy and memory up to now. */
  async #look({ everyMs, forecastGain }: PlacementSettings): Promise<void> {
    await this.#measured.measure(everyMs, forecastGain)
    const nowMs = Date.now()
    const power = this.#power.rows()
    this.#measured.accrue({ phaseOf: (node) => phase(power, node), zones: this.#ports.zones(nowMs) }, nowMs)
    const { movedAtMs: _, ...memory } = remember(this.#read(nowMs), this.#settings())
    this.#memory = { ...memory, movedAtMs: {} }
  }

  #propose(placement: PlacementSettings): void {
    const nowMs = Date.now()
    const input = this.#read(nowMs)
    const settings = plannerSettings(placement)
    const quick = plan(input, settings, { compare: false })
    const proposed = proposedPlan(this.#store)
    if (isEmpty(quick)) {
      if (proposed !== undefined)
        setPlan(this.#store, proposed.id, 'superseded', 'nothing to gain now', nowMs)
      return
    }
    if (proposed !== undefined && saysTheSame(proposed, quick)) {
      // Made on request, or before the mode was automatic.
      if (this.#runsByItself(quick, placement.mode)) this.#acceptItself(proposed.id, nowMs)
      return
    }
    if (this.#wasRejected(quick, nowMs)) return
    this.#keep(plan(input, settings), placement.mode, nowMs)
  }

  /** Stores a plan; in automatic mode one that nobody `asked` for is accepted, for the part that needs nobody. */
  #keep(made: Plan, mode: PlacementMode, nowMs: number, asked = false): number {
    return this.#store.transaction(() => {
      const older = proposedPlan(this.#store)
      const id = insertPlan(this.#store, made, mode, nowMs)
      if (older !== undefined) setPlan(this.#store, older.id, 'superseded', `by plan ${id}`, nowMs)
      const { moves, wake, standby } = made
      const message = `${moves.length} moves, ${wake.length} to wake, ${standby.length} to standby`
      record(this.#store, { kind: 'Plan', name: String(id), reason: 'Proposed', message }, nowMs)
      if (!asked && this.#runsByItself(made, mode)) this.#acceptItself(id, nowMs)
      return id
    })
  }

  /** Whether a part of the plan needs nobody's consent. */
  #runsByItself(made: Plan, mode: PlacementMode): boolean {
    const part = partOf(made, (tenant) => this.#modeOf(tenant, mode) === 'automatic')
    return mode === 'automatic' && !isEmpty(part)
  }

  #acceptItself(id: number, nowMs: number): void {
    setPlan(this.#store, id, 'accepted', 'by itself', nowMs)
  }

  async #carryOut(row: PlanRow, placement: PlacementSettings): Promise<void> {
    const nowMs = Date.now()
    const settings = plannerSettings(placement)
    const ports = this.#runPorts()
    if (row.state === 'accepted') {
      if (this.#runsAtMs(row) > nowMs) return
      const allowed = row.actor === null ? 'automatic' : 'recommend'
      const may = (tenant: string) => {
        const mode = this.#modeOf(tenant, 'automatic')
        return mode === 'automatic' || mode === allowed
      }
      const input = this.#read(nowMs)
      const moves = planView(this.#store, row).moves
      beginPlan(ports, row, partOf({ ...planOf(row), moves }, may), input, settings)
    }
    const present = { read: (at: number) => this.#read(at), settings }
    await advancePlan(ports, planRow(this.#store, row.id)!, present)
  }

  #runPorts() {
    const { moves } = this.#ports
    return {
      store: this.#store,
      power: this.#power,
      moves,
      failed: (tenant: string, node: string, nowMs: number) => {
        this.#memory = rememberFailure(this.#memory, tenant, node, nowMs)
        this.#saveMemory()
      },
      changed: (moved: number, nodes: number, nowMs: number) => {
        const { recentMovesMs, recentNodeChangesMs } = this.#memory
        this.#memory = {
          ...this.#memory,
          recentMovesMs: [...recentMovesMs, ...Array<number>(moved).fill(nowMs)],
          recentNodeChangesMs: [...recentNodeChangesMs, ...Array<number>(nodes).fill(nowMs)],
        }
        this.#saveMemory()
      },
    }
  }

  /** The settings in effect, for people. */
  placement(): PlacementState {
    return placementView(this.#store)
  }

  /** Sets how the cluster is placed. Belongs into the transaction of a write. */
  setPlacement(
    settings: PlacementSettings,
    { actor, ifRevision }: WriteOptions,
    nowMs: number,
  ): WriteResult<PlacementState> {
    const revision = this.#store.number('placement-revision')
    if (ifRevision !== undefined && ifRevision !== revision) {
      return planFault('stale', 'the settings have changed since they were read')
    }
    const fault = hookFault(settings.hook, this.#ports.hook)
    if (fault !== undefined) return planFault('invalid', fault)
    writeDocument(this.#store, 'placement', settings)
    this.#store.setNumber('placement-revision', revision + 1)
    const message = `mode ${settings.mode}, profile ${settings.profile}`
    record(this.#store, { kind: 'Plan', name: 'placement', reason: 'Set', message, actor }, nowMs)
    this.#measureDueMs = Math.min(this.#measureDueMs, nowMs + settings.everyMs)
    return ok(placementView(this.#store))
  }

  /** Plans now, whatever is due, and keeps the plan, even one that proposes nothing. */
  async makePlan(): Promise<PlanView> {
    const placement = readPlacement(this.#store)
    await this.#look(placement)
    const nowMs = Date.now()
    const made = plan(this.#read(nowMs), plannerSettings(placement))
    const proposed = proposedPlan(this.#store)
    const same = proposed !== undefined && saysTheSame(proposed, made)
    const id = same ? proposed.id : this.#keep(made, placement.mode, nowMs, true)
    if (isEmpty(made)) setPlan(this.#store, id, 'done', 'nothing to do', nowMs)
    return planView(this.#store, planRow(this.#store, id)!)
  }

  /** Has a proposed plan run, or not. Belongs into the transaction of a write. */
  decide(
    id: number,
    decision: 'accept' | 'reject',
    { actor }: WriteOptions,
    nowMs: number,
  ): WriteResult<PlanView> {
    const row = planRow(this.#store, id)
    if (row === undefined) return planFault('not-found', `there is no plan ${id}`)
    if (row.state !== 'proposed') return planFault('conflict', `plan ${id} is ${row.state}, not proposed`)
    if (decision === 'accept' && readPlacement(this.#store).mode === 'manual') {
      return planFault('conflict', 'the mode is manual: plans are only shown; set recommend or automatic')
    }
    const active = activePlan(this.#store)
    if (decision === 'accept' && active !== undefined) {
      return planFault('conflict', `plan ${active.id} is ${active.state}; one runs at a time`)
    }
    const by = actor ?? 'somebody'
    setPlan(this.#store, id, decision === 'accept' ? 'accepted' : 'rejected', `by ${by}`, nowMs, by)
    const reason = decision === 'accept' ? 'Accepted' : 'Rejected'
    record(this.#store, { kind: 'Plan', name: String(id), reason, message: `by ${by}`, actor }, nowMs)
    return ok(planView(this.#store, planRow(this.#store, id)!))
  }

  /** What every node has used. */
  energy(): EnergyView[] {
    const power = this.#power.rows()
    return this.#measured.energy((node) => phase(power, node))
  }

  /** Writes what is otherwise written seldom. */
  save(): void {
    this.#measured.save(Date.now())
    this.#saveMemory()
  }

  #read(nowMs: number): PlanInput {
    const power = this.#power.rows()
    return this.#input.read({
      nowMs,
      memory: this.#memory,
      zones: this.#ports.zones(nowMs),
      avoid: this.#ports.avoid(nowMs),
      powerOf: (node) => ({ phase: phase(power, node), sinceMs: power.get(node)?.since_ms ?? 0 }),
      forecastOf: (tenant) => this.#measured.forecastOf(tenant),
    })
  }

  #settings() {
    return plannerSettings(readPlacement(this.#store))
  }

  #modeOf(tenant: string, cluster: PlacementMode): PlacementMode {
    return stricter(cluster, this.#input.modeOf(tenant))
  }

  #runsAtMs(row: PlanRow): number {
    return row.at_ms + this.#settings().recheckMs
  }

  #wasRejected(made: Plan, nowMs: number): boolean {
    const rows = this.#store.all<PlanRow>(
      `SELECT * FROM plans WHERE state = 'rejected' AND changed_ms > ? ORDER BY id DESC LIMIT 10`,
      nowMs - REJECTED_MS,
    )
    return rows.some((row) => saysTheSame(row, made))
  }

  /** What is on a node; it is free only once it has confirmed that it has no tenants. */
  #occupancy(node: string): Occupancy {
    const row = this.#store.node(node)
    if (row === undefined || this.#store.tenantsOn(node).length > 0) return 'owns'
    const confirmed = row.acked_generation >= row.config_generation
    return confirmed && !this.#ports.moves.touches(node) ? 'free' : 'busy'
  }

  #rememberNode(node: string, change: { upSinceMs?: number; asleepSinceMs?: number }): void {
    const nodes = { ...this.#memory.nodes, [node]: { ...this.#memory.nodes[node], ...change } }
    this.#memory = { ...this.#memory, nodes }
    this.#saveMemory()
  }

  #saveMemory(): void {
    writeDocument(this.#store, 'memory', this.#memory)
  }
}

function phase(rows: ReturnType<Power['rows']>, node: string) {
  return (rows.get(node)?.phase ?? 'up') as ReturnType<Power['phaseOf']>
}

function isEmpty({ moves, wake, standby }: Pick<Plan, 'moves' | 'wake' | 'standby'>): boolean {
  return moves.length + wake.length + standby.length === 0
}
