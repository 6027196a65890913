import type { TenantCapsule } from './capsule.ts'
import type { Checkpoint } from './checkpoints.ts'
import type { DirectoryApi, HeartbeatAnswer, NodeReport } from './control.ts'
import type { Overview, OverviewQuery } from './feed.ts'
import type { ManifestSet } from './manifest/check.ts'
import type { NodeManifest } from './manifest/node.ts'
import type { TenantManifest } from './manifest/tenant.ts'
import type { PlanRefusalCode } from './migration/refusals.ts'
import type { NodeAnswer, NodeMessage } from './migration/types.ts'
import type { MigrationQuery, MigrationView, NewMigration } from './migration-view.ts'
import type { EnergyView, PlacementSettings, PlacementState, PlanSummary, PlanView } from './placement.ts'
import type { Result } from './result.ts'
import type { JudgedSignal } from './signals.ts'

/** The kinds of objects that are declared. */
export type ObjectKind = 'Node' | 'Tenant'

/** What every write says of itself. */
export interface WriteOptions {
  /** Who asks, for the journal. */
  readonly actor?: string
  /** Repeating a write with the same key and fingerprint gives the first outcome and changes nothing. */
  readonly idempotency?: { readonly key: string; readonly fingerprint: string }
  /** Refuse unless the object's revision is this one (`If-Match`), or it does not exist (`null`). */
  readonly ifRevision?: number | null
}

/** How a set is applied. `ifRevision` is that of the whole store. */
export interface ApplyOptions extends WriteOptions {
  /** Check and report everything, keep nothing. */
  readonly dryRun?: boolean
  /** Delete the nodes and tenants that are not in the set. */
  readonly prune?: boolean
  /** Refuse unless this one object of the set is still at that revision; `null`: does not exist. */
  readonly ifObject?: { readonly kind: ObjectKind; readonly name: string; readonly revision: number | null }
}

/** What became, or with `dryRun` would become, of one object. Unchanged ones are only counted. */
export interface Change {
  readonly kind: ObjectKind
  readonly name: string
  readonly action: 'created' | 'changed' | 'deleted'
}

/** The outcome of a set that was accepted. */
export interface ApplyReport {
  /** Revision of the store afterwards; the same as before when nothing changed. */
  readonly revision: number
  readonly created: number
  readonly changed: number
  readonly deleted: number
  readonly unchanged: number
  /** The first {@link MAX_REPORTED_CHANGES} of them. */
  readonly changes: readonly Change[]
}

/** Changes a report lists one by one. */
export const MAX_REPORTED_CHANGES = 1_000

/** Why a write was refused; nothing of it was kept. */
export interface WriteFault {
  /**
   * `conflict`: a claim or an idempotency key is taken; `stale`: the revision is another; `in-use`: still has
   * tenants; `too-large`: a manifest; `invalid`: a setting; `not-found`.
   */
  readonly code: 'conflict' | 'stale' | 'too-large' | 'in-use' | 'invalid' | 'not-found'
  readonly kind?: ObjectKind
  readonly name?: string
  readonly message: string
  /** Why a migration was refused, for programs. */
  readonly refusal?: PlanRefusalCode
}

/** The outcome of a write. */
export type WriteResult<T> = Result<T, readonly WriteFault[]>

/** One thing that is so or not, why, and since when. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** One word for programs. */
  readonly reason: string
  readonly message: string
  readonly sinceMs?: number
}

/** What any object's status says. */
export interface ObjectStatus {
  readonly phase: string
  /** The generation the coordinator has acted on; below `generation` it has not looked yet. */
  readonly observedGeneration: number
  readonly conditions: readonly Condition[]
}

interface View<Manifest> {
  readonly manifest: Manifest
  /** Grows with every change of the spec. */
  readonly generation: number
  /** Changes with every write to the object; its entity tag. */
  readonly revision: number
  readonly createdMs: number
}

/** A node as wanted and as it is. Rates in tokens/s. */
export interface NodeView extends View<NodeManifest> {
  readonly status: ObjectStatus & {
    readonly capacity: number
    readonly reserved: number
    readonly tenants: number
  }
}

/** A tenant as wanted and as it is. Rates in tokens/s. */
export interface TenantView extends View<TenantManifest> {
  readonly status: ObjectStatus & {
    readonly node?: string
    readonly epoch: number
    /** What its node has promised it. */
    readonly reserved: number
  }
}

/** Where a tenant lives. */
export interface PlacementView {
  readonly tenant: string
  readonly node: string
  readonly epoch: number
  readonly reserved: number
  readonly placedMs: number
}

/** A part of a list, in the order of names. */
export interface PageQuery {
  /** Only names after this one. */
  readonly after?: string
  /** 1 … {@link MAX_PAGE}. */
  readonly limit: number
  /** Tenants and placements: only those on this node. */
  readonly node?: string
}

/** Most items of a page. */
export const MAX_PAGE = 500

/** A page, and the name to go on from; absent on the last one. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** What an event is about. */
export type EventKind = ObjectKind | 'Token' | 'Signal' | 'Apply' | 'Plan'

/** One entry of the journal. */
export interface JournalEvent {
  /** Grows by at least one per event; events are read from one on. */
  readonly seq: number
  readonly atMs: number
  readonly kind: EventKind
  readonly name: string
  readonly type: 'normal' | 'warning'
  /** One word for programs, such as `Placed`. */
  readonly reason: string
  /** One sentence for people. About a tenant it never names another tenant. */
  readonly message: string
  /** Who asked for it; absent for what the coordinator does by itself. */
  readonly actor?: string
}

/** How far everything is, in counts. */
export interface Summary {
  readonly revision: number
  readonly nodes: number
  readonly tenants: number
  /** Tenants the reconcile loop has not looked at since their last change. */
  readonly waiting: number
  /** Tenants that are not as wanted: they do not fit, or are where they should not be. */
  readonly troubled: number
  readonly unplaced: number
  /** Nodes that have not confirmed their configuration. */
  readonly unconfirmed: number
}

/** Which events to read, oldest first. */
export interface EventQuery {
  /** Only later ones than this `seq`; absent: the newest `limit`. */
  readonly after?: number
  readonly limit: number
  readonly kind?: EventKind
  readonly name?: string
}

/** What a token allows. A tenant's can have `read` and `devices`: to split its base among its devices. */
export const SCOPES = ['read', 'write', 'devices', 'signals', 'tokens'] as const

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number]

/** A token without its secret. */
export interface TokenView {
  readonly id: string
  /** Whom it is for, in the operator's words. */
  readonly note: string
  /** The tenant it is bound to; absent for operators. */
  readonly tenant?: string
  readonly scopes: readonly Scope[]
  readonly createdMs: number
  readonly expiresMs?: number
  readonly revokedMs?: number
}

/** A token to be kept: only the hash of its secret. */
export interface NewToken extends Omit<TokenView, 'createdMs' | 'revokedMs'> {
  /** SHA-256 of the whole token, hexadecimal. */
  readonly hash: string
}

/** How a node is marked, besides what its manifest says. */
export type NodeMark = 'cordon' | 'uncordon' | 'drain'

/** What the admin API asks of the coordinator. Callers have checked who may. */
export interface CoordinatorApi extends DirectoryApi {
  apply(set: ManifestSet, options?: ApplyOptions): Promise<WriteResult<ApplyReport>>
  remove(kind: ObjectKind, name: string, options?: WriteOptions): Promise<WriteResult<ApplyReport>>
  mark(node: string, mark: NodeMark, options?: WriteOptions): Promise<WriteResult<NodeView>>
  /** Revision of the store, for `If-Match` of a whole set. */
  revision(): Promise<number>
  summary(): Promise<Summary>
  /** Everything the live feed and the metrics need, in one message. */
  overview(query: OverviewQuery): Promise<Overview>
  nodes(query: PageQuery): Promise<Page<NodeView>>
  node(name: string): Promise<NodeView | null>
  tenants(query: PageQuery): Promise<Page<TenantView>>
  tenant(name: string): Promise<TenantView | null>
  placements(query: PageQuery): Promise<Page<PlacementView>>
  events(query: EventQuery): Promise<readonly JournalEvent[]>
  createToken(token: NewToken, options?: WriteOptions): Promise<WriteResult<TokenView>>
  revokeToken(id: string, options?: WriteOptions): Promise<WriteResult<TokenView>>
  tokens(query: PageQuery): Promise<Page<TokenView>>
  /** The token of that id if the hash is right and it is neither revoked nor expired. */
  findToken(id: string, hash: string): Promise<TokenView | null>
  /** Writes down that somebody did something outside the coordinator. */
  note(
    event: Pick<JournalEvent, 'kind' | 'name' | 'reason' | 'message'>,
    options: WriteOptions,
  ): Promise<void>
  signals(): Promise<readonly JudgedSignal[]>
  /** Begins to move a tenant to another node. */
  migrate(move: NewMigration, options?: WriteOptions): Promise<WriteResult<MigrationView>>
  /** Asks for the abort of a tenant's open migration. */
  abortMigration(tenant: string, options?: WriteOptions): Promise<WriteResult<MigrationView>>
  migrations(query: MigrationQuery): Promise<readonly MigrationView[]>
  placement(): Promise<PlacementState>
  setPlacement(settings: PlacementSettings, options?: WriteOptions): Promise<WriteResult<PlacementState>>
  /** Plans, newest first; `before` is the id to go on from. */
  plans(limit: number, before?: number): Promise<Page<PlanSummary>>
  plan(id: number): Promise<PlanView | null>
  /** Plans now and keeps the plan as proposed; nothing runs before somebody accepts it. */
  makePlan(): Promise<PlanView>
  decidePlan(
    id: number,
    decision: 'accept' | 'reject',
    options?: WriteOptions,
  ): Promise<WriteResult<PlanView>>
  energy(): Promise<readonly EnergyView[]>
  /** A node's report, with states of accounts; the answer renews its lease to serve. */
  heartbeat(node: string, report: NodeReport, checkpoints?: readonly Checkpoint[]): Promise<HeartbeatAnswer>
  /** A node's answers to what a heartbeat told it. @returns what is still to be told it */
  handIn(
    node: string,
    answers: readonly NodeAnswer<TenantCapsule>[],
  ): Promise<readonly NodeMessage<TenantCapsule>[]>
}
