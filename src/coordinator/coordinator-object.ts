import { DurableObject } from 'cloudflare:workers'
import type { TenantCapsule } from '../core/capsule.ts'
import type { Checkpoint } from '../core/checkpoints.ts'
import type { HeartbeatAnswer, HostRoutes, NodeApi, NodeReport, Route } from '../core/control.ts'
import type {
  ApplyOptions,
  ApplyReport,
  CoordinatorApi,
  EventQuery,
  JournalEvent,
  NewToken,
  NodeMark,
  NodeView,
  ObjectKind,
  Page,
  PageQuery,
  PlacementView,
  Summary,
  TenantView,
  TokenView,
  WriteOptions,
  WriteResult,
} from '../core/coordinator-api.ts'
import type { Overview, OverviewQuery } from '../core/feed.ts'
import type { ManifestSet } from '../core/manifest/check.ts'
import type { NodeAnswer, NodeMessage } from '../core/migration/types.ts'
import type { MigrationQuery, MigrationView, NewMigration } from '../core/migration-view.ts'
import type {
  EnergyView,
  PlacementSettings,
  PlacementState,
  PlanSummary,
  PlanView,
} from '../core/placement.ts'
import type { JudgedSignal } from '../core/signals.ts'
import { zonesNow } from '../core/zone-signals.ts'
import { Alarm } from './alarm.ts'
import { applySet } from './apply.ts'
import { CheckpointStore } from './checkpoint-store.ts'
import { CoordinatorStore } from './coordinator-store.ts'
import { routeOfTenant, routesOfHost } from './directory.ts'
import { HeartbeatWatch } from './heartbeats.ts'
import { readEvents, record } from './journal.ts'
import { LateBookings } from './late-bookings.ts'
import { Moves } from './moves.ts'
import { overview } from './overview.ts'
import { Plans } from './plans.ts'
import { plannedMoves } from './plans-moves.ts'
import { listPlans, planRow, planView } from './plans-store.ts'
import { LOOP, ReconcileLoop } from './reconcile.ts'
import { ServingLeases } from './serving-leases.ts'
import { hookTerms, reportEveryMs } from './settings.ts'
import { SignalReader } from './signal-reader.ts'
import { Takeovers } from './takeovers.ts'
import { createToken, findToken, listTokens, revokeToken } from './tokens.ts'
import { Upkeep } from './upkeep.ts'
import { listNodes, listPlacements, listTenants, nodeView, summarize, tenantView } from './views.ts'
import { markNode, removeObject, write } from './writes.ts'

/** What the coordinator needs of the platform. */
export interface CoordinatorEnv {
  readonly NODES: DurableObjectNamespace<NodeApi & Rpc.DurableObjectBranded>
  /** The signal board; without it there are no signals. */
  readonly SIGNALS?: DurableObjectNamespace
  /** Hooks that may be called and what they are signed with; see `config.ts`. */
  readonly STINT_HOOKS?: string
  readonly STINT_HOOK_SECRET?: string
  readonly STINT_REPORT_MS?: string
}

/** While nodes report, their silence is due within so many reports. */
const REPORTS_AHEAD = 10

type Answer = NodeAnswer<TenantCapsule>
type Message = NodeMessage<TenantCapsule>

/**
 * Holds what is wanted (nodes, tenants), where each tenant lives and at which epoch, and drives what is
 * towards it. A thin shell: reads the clock, calls the rooms of this folder, keeps the alarm. Everything is
 * durable before it is answered; a config that a node has not confirmed is sent again by the alarm, however
 * often the object is restarted.
 */
export class CoordinatorObject extends DurableObject<CoordinatorEnv> implements CoordinatorApi {
  readonly #store: CoordinatorStore
  readonly #loop: ReconcileLoop
  readonly #watch: HeartbeatWatch
  readonly #signals: SignalReader
  readonly #moves: Moves
  readonly #upkeep: Upkeep
  readonly #plans: Plans
  readonly #alarm: Alarm

  constructor(ctx: DurableObjectState, env: CoordinatorEnv) {
    super(ctx, env)
    this.#store = new CoordinatorStore(ctx.storage)
    const board = env.SIGNALS
    this.#signals = new SignalReader(board === undefined ? undefined : () => board.getByName('main'))
    this.#loop = new ReconcileLoop(
      this.#store,
      (node) => env.NODES.getByName(node),
      (nowMs) => this.#signals.avoid(nowMs),
    )
    this.#moves = new Moves(this.#store, (node) => env.NODES.getByName(node))
    const serving = new ServingLeases(this.#store, Date.now())
    const checkpoints = new CheckpointStore(this.#store)
    const takeovers = new Takeovers(this.#store, serving, checkpoints)
    const late = new LateBookings(this.#store, checkpoints, (node) => env.NODES.getByName(node))
    this.#upkeep = new Upkeep(this.#store, this.#loop, this.#moves, takeovers, late)
    this.#watch = new HeartbeatWatch(this.#store, serving, checkpoints, reportEveryMs(env), Date.now())
    this.#plans = new Plans(
      this.#store,
      {
        state: async (node) => env.NODES.getByName(node).state(),
        report: (node) => this.#watch.lastReport(node),
        zones: (nowMs) => zonesNow(this.#signals.all, nowMs),
        avoid: (nowMs) => this.#signals.avoid(nowMs),
        hook: hookTerms(env),
        moves: plannedMoves(this.#store, this.#moves),
      },
      Date.now(),
    )
    this.#alarm = new Alarm(ctx.storage, [this.#upkeep, this.#watch, this.#plans], () => this.#upkeep.pauseMs)
  }

  async apply(set: ManifestSet, options: ApplyOptions = {}): Promise<WriteResult<ApplyReport>> {
    const nowMs = Date.now()
    return this.#write(options, () => applySet(this.#store, set, options, nowMs), nowMs)
  }

  async remove(
    kind: ObjectKind,
    name: string,
    options: WriteOptions = {},
  ): Promise<WriteResult<ApplyReport>> {
    const nowMs = Date.now()
    return this.#write(options, () => removeObject(this.#store, kind, name, options, nowMs), nowMs)
  }

  async mark(node: string, mark: NodeMark, options: WriteOptions = {}): Promise<WriteResult<NodeView>> {
    const nowMs = Date.now()
    return this.#write(options, () => markNode(this.#store, node, mark, options, nowMs), nowMs)
  }

  async createToken(token: NewToken, options: WriteOptions = {}): Promise<WriteResult<TokenView>> {
    const nowMs = Date.now()
    return this.#write(options, () => createToken(this.#store, token, options, nowMs), nowMs)
  }

  async revokeToken(id: string, options: WriteOptions = {}): Promise<WriteResult<TokenView>> {
    const nowMs = Date.now()
    return this.#write(options, () => revokeToken(this.#store, id, options, nowMs), nowMs)
  }

  async note(
    event: Pick<JournalEvent, 'kind' | 'name' | 'reason' | 'message'>,
    options: WriteOptions,
  ): Promise<void> {
    const { kind, name, reason, message } = event
    record(this.#store, { kind, name, reason, message, actor: options.actor }, Date.now())
  }

  /** Reads the board again and says what each signal is worth. */
  async signals(): Promise<readonly JudgedSignal[]> {
    await this.#signals.refresh(Date.now(), true)
    return this.#signals.judged(Date.now())
  }

  async migrate(move: NewMigration, options: WriteOptions = {}): Promise<WriteResult<MigrationView>> {
    const nowMs = Date.now()
    return this.#write(options, () => this.#moves.start(move, nowMs, options.actor), nowMs)
  }

  async abortMigration(tenant: string, options: WriteOptions = {}): Promise<WriteResult<MigrationView>> {
    const nowMs = Date.now()
    return this.#write(options, () => this.#moves.abort(tenant, nowMs, options.actor), nowMs)
  }

  async migrations(query: MigrationQuery): Promise<readonly MigrationView[]> {
    return this.#moves.list(query)
  }

  async placement(): Promise<PlacementState> {
    return this.#plans.placement()
  }

  async setPlacement(
    settings: PlacementSettings,
    options: WriteOptions = {},
  ): Promise<WriteResult<PlacementState>> {
    const nowMs = Date.now()
    return this.#write(options, () => this.#plans.setPlacement(settings, options, nowMs), nowMs)
  }

  async plans(limit: number, before?: number): Promise<Page<PlanSummary>> {
    return listPlans(this.#store, limit, before)
  }

  async plan(id: number): Promise<PlanView | null> {
    const row = planRow(this.#store, id)
    return row === undefined ? null : planView(this.#store, row)
  }

  async makePlan(): Promise<PlanView> {
    await this.#signals.refresh(Date.now())
    return this.#plans.makePlan()
  }

  async decidePlan(
    id: number,
    decision: 'accept' | 'reject',
    options: WriteOptions = {},
  ): Promise<WriteResult<PlanView>> {
    const nowMs = Date.now()
    return this.#write(options, () => this.#plans.decide(id, decision, options, nowMs), nowMs)
  }

  async energy(): Promise<readonly EnergyView[]> {
    return this.#plans.energy()
  }

  async revision(): Promise<number> {
    return this.#store.revision
  }

  async summary(): Promise<Summary> {
    return summarize(this.#store)
  }

  async overview(query: OverviewQuery): Promise<Overview> {
    return overview(this.#store, query)
  }

  async nodes(query: PageQuery): Promise<Page<NodeView>> {
    return listNodes(this.#store, query)
  }

  async node(name: string): Promise<NodeView | null> {
    const row = this.#store.node(name)
    return row === undefined ? null : nodeView(this.#store, row)
  }

  async tenants(query: PageQuery): Promise<Page<TenantView>> {
    return listTenants(this.#store, query)
  }

  async tenant(name: string): Promise<TenantView | null> {
    const row = this.#store.tenant(name)
    if (row === undefined) return null
    return tenantView(row, row.node === null ? undefined : this.#store.node(row.node))
  }

  async placements(query: PageQuery): Promise<Page<PlacementView>> {
    return listPlacements(this.#store, query)
  }

  async events(query: EventQuery): Promise<readonly JournalEvent[]> {
    return readEvents(this.#store, query)
  }

  async tokens(query: PageQuery): Promise<Page<TokenView>> {
    return listTokens(this.#store, query)
  }

  async findToken(id: string, hash: string): Promise<TokenView | null> {
    return findToken(this.#store, id, hash, Date.now())
  }

  async resolveHost(host: string): Promise<HostRoutes | null> {
    await this.#readyToServe(() => routesOfHost(this.#store, host)?.routes ?? [])
    return routesOfHost(this.#store, host)
  }

  async resolveTenant(tenant: string): Promise<Route | null> {
    await this.#readyToServe(() => {
      const route = routeOfTenant(this.#store, tenant)
      return route === null ? [] : [route]
    })
    return routeOfTenant(this.#store, tenant)
  }

  async heartbeat(
    node: string,
    report: NodeReport,
    checkpoints: readonly Checkpoint[] = [],
  ): Promise<HeartbeatAnswer> {
    const told = this.#moves.toldTo(node)
    const { answer, changed } = this.#watch.accept(node, { report, checkpoints, told }, Date.now())
    if (changed) await this.#wake()
    else await this.#alarm.check(REPORTS_AHEAD * answer.nextMs)
    return answer
  }

  async handIn(node: string, answers: readonly Answer[]): Promise<readonly Message[]> {
    for (const answer of answers) if (answer.node === node) this.#moves.take(answer.tenant, answer)
    await this.#wake()
    return this.#moves.toldTo(node)
  }

  override async alarm(): Promise<void> {
    this.#watch.sweep(Date.now())
    await this.#signals.refresh(Date.now())
    await this.#upkeep.run()
    const plansMs = this.#plans.dueMs()
    if (plansMs !== undefined && plansMs <= Date.now()) await this.#plans.run()
    await this.#alarm.set()
  }

  async #write<T>(
    options: WriteOptions & { readonly dryRun?: boolean },
    work: () => WriteResult<T>,
    nowMs: number,
  ): Promise<WriteResult<T>> {
    const outcome = write(this.#store, options, nowMs, work)
    if (outcome.ok) await this.#wake()
    return outcome
  }

  #wake(): Promise<void> {
    const work = async () => {
      await this.#signals.refresh(Date.now())
      await this.#upkeep.run()
    }
    return this.#alarm.soon(work, (promise) => this.ctx.waitUntil(promise))
  }

  /**
   * A route is handed out for the first request of a tenant: its node should know the tenant by then. Tenants
   * still unplaced are placed, and nodes that have not confirmed a config since are sent it once, at once. News
   * that may wait (see `touchNodeLater`) is no reason: the node has the tenant.
   */
  async #readyToServe(read: () => readonly Route[]): Promise<void> {
    const unplaced = read().filter((route) => route.node === undefined)
    if (unplaced.length > 0) this.#loop.settle(unplaced.map((route) => route.tenant))
    const waiting = new Set<string>()
    const nowMs = Date.now()
    for (const { node } of read()) {
      const row = node === undefined ? undefined : this.#store.node(node)
      if (row === undefined || row.acked_generation >= row.config_generation) continue
      if (row.push_due_ms <= nowMs && row.push_attempts === 0) waiting.add(row.name)
    }
    await Promise.all([...waiting].slice(0, LOOP.parallelPushes).map((node) => this.#loop.push(node)))
  }
}
