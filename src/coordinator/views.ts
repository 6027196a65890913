import { toTokens } from '../core/amount.ts'
import {
  type Condition,
  MAX_PAGE,
  type NodeView,
  type Page,
  type PageQuery,
  type PlacementView,
  type Summary,
  type TenantView,
} from '../core/coordinator-api.ts'
import { type NodeHealth, newHealth } from '../core/health.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, NodeRow, TenantRow, Trouble } from './coordinator-store.ts'

/** A node's health as last written down. */
export function healthOf(row: NodeRow): NodeHealth {
  return row.health === null ? newHealth(row.created_ms) : (JSON.parse(row.health) as NodeHealth)
}

/** A node for people and programs: what is wanted, how far it is. */
export function nodeView(store: CoordinatorStore, row: NodeRow): NodeView {
  const [sum] = store.all<{ reserved: number | null; n: number }>(
    'SELECT SUM(reserved_micro) AS reserved, COUNT(*) AS n FROM tenants WHERE node = ?',
    row.name,
  )
  const reservedMicro = sum?.reserved ?? 0
  const tenants = sum?.n ?? 0
  const power = powerPhase(store, row.name)
  const conditions = [
    configured(row),
    healthy(row),
    room(row, reservedMicro),
    ...marked(row, tenants),
    ...asleep(power),
  ] satisfies Condition[]
  return {
    manifest: JSON.parse(row.manifest) as NodeManifest,
    generation: row.generation,
    revision: row.revision,
    createdMs: row.created_ms,
    status: {
      phase: nodePhase(row, power?.phase),
      observedGeneration: row.observed_generation,
      conditions,
      capacity: toTokens(row.capacity_micro),
      reserved: toTokens(reservedMicro),
      tenants,
    },
  }
}

/** What placement does with a node's machine; undefined while it is simply up. */
type PowerState = { phase: string; since_ms: number; error: string | null }

function powerPhase(store: CoordinatorStore, node: string): PowerState | undefined {
  return store.all<PowerState>('SELECT phase, since_ms, error FROM power WHERE node = ?', node)[0]
}

const POWER_WORDS: Readonly<Record<string, string>> = {
  draining: 'Draining',
  falling: 'Draining',
  standby: 'Standby',
  waking: 'Waking',
}

/** Whether the machine sleeps, or what keeps it from sleeping or waking. */
function asleep(power: PowerState | undefined): Condition[] {
  if (power === undefined) return []
  const reason = POWER_WORDS[power.phase] ?? power.phase
  const message = power.error === null ? 'placement says so' : `its hook has not answered yet: ${power.error}`
  const status = power.phase === 'standby' ? 'True' : 'False'
  return [{ type: 'Asleep', status, reason, message, sinceMs: power.since_ms }]
}

function nodePhase(row: NodeRow, power: string | undefined): string {
  if (row.deleted_ms !== null) return 'Terminating'
  if (power !== undefined) return POWER_WORDS[power] ?? power
  const { phase } = healthOf(row)
  if (phase === 'Failed' || phase === 'Degraded') return phase
  return row.acked_generation === 0 ? 'Pending' : 'Ready'
}

/** Whether the node object has confirmed its latest config. */
function configured(row: NodeRow): Condition {
  const type = 'Configured'
  if (row.acked_generation >= row.config_generation) {
    const message = 'has confirmed its configuration'
    return { type, status: 'True', reason: 'Confirmed', message, ...since(row.acked_ms) }
  }
  if (row.push_error === null) {
    return { type, status: 'False', reason: 'Sending', message: 'is being sent its configuration' }
  }
  const message = `has not answered ${row.push_attempts} times: ${row.push_error}`
  return { type, status: 'False', reason: 'NoAnswer', message }
}

function healthy(row: NodeRow): Condition {
  const { phase, reason, message, sinceMs } = healthOf(row)
  const status = phase === 'Unknown' ? 'Unknown' : phase === 'Ready' ? 'True' : 'False'
  return { type: 'Healthy', status, reason, message, sinceMs }
}

function room(row: NodeRow, reservedMicro: number): Condition {
  const of = `${toTokens(reservedMicro)} of ${toTokens(row.capacity_micro)} tokens/s are promised`
  const enough = reservedMicro <= row.capacity_micro
  return {
    type: 'WithinCapacity',
    status: enough ? 'True' : 'False',
    reason: enough ? 'Fits' : 'Overcommitted',
    message: enough ? of : `${of}; the promises are kept until tenants leave`,
  }
}

function marked(row: NodeRow, tenants: number): Condition[] {
  const conditions: Condition[] = []
  if (row.cordoned === 1 || row.cordon_ms !== null) {
    const message = row.cordoned === 1 ? 'its manifest says so' : 'an operator said so'
    conditions.push({
      type: 'Cordoned',
      status: 'True',
      reason: 'Cordoned',
      message,
      ...since(row.cordon_ms),
    })
  }
  if (row.drain_ms === null) return conditions
  const empty = tenants === 0
  conditions.push({
    type: 'Drained',
    status: empty ? 'True' : 'False',
    reason: empty ? 'Empty' : 'TenantsLeft',
    message: `${tenants} tenants left`,
    ...since(row.drain_ms),
  })
  return conditions
}

function since(ms: number | null): { sinceMs?: number } {
  return ms === null ? {} : { sinceMs: ms }
}

/** A tenant for people and programs. @param node the row of the node it is on */
export function tenantView(row: TenantRow, node: NodeRow | undefined): TenantView {
  const trouble = row.trouble === null ? undefined : (JSON.parse(row.trouble) as Trouble)
  const conditions: Condition[] = [placed(row, trouble), asWanted(row, trouble)]
  let phase = trouble === undefined ? 'Ready' : 'Degraded'
  if (row.node === null) phase = 'Pending'
  else if (node !== undefined) {
    const told = node.acked_generation >= row.config_generation
    conditions.push({
      type: 'Configured',
      status: told ? 'True' : 'False',
      reason: told ? 'Confirmed' : 'Sending',
      message: told ? `${node.name} has confirmed it` : `${node.name} has not confirmed it yet`,
      ...(told ? since(node.acked_ms) : {}),
    })
    const health = healthOf(node)
    if (health.phase === 'Failed' || health.phase === 'Degraded') phase = health.phase
    else if (phase === 'Ready' && (!told || row.due === 1)) phase = 'Progressing'
  }
  return {
    manifest: JSON.parse(row.manifest) as TenantManifest,
    generation: row.generation,
    revision: row.revision,
    createdMs: row.created_ms,
    status: {
      phase,
      observedGeneration: row.observed_generation,
      conditions,
      ...(row.node === null ? {} : { node: row.node }),
      epoch: row.epoch,
      reserved: toTokens(row.reserved_micro),
    },
  }
}

function placed(row: TenantRow, trouble: Trouble | undefined): Condition {
  const type = 'Placed'
  if (row.node !== null) {
    const message = `on ${row.node} at epoch ${row.epoch}`
    return { type, status: 'True', reason: 'Placed', message, ...since(row.placed_ms) }
  }
  if (trouble === undefined) {
    return { type, status: 'False', reason: 'Waiting', message: 'not looked at yet' }
  }
  return { type, status: 'False', reason: trouble.reason, message: trouble.message, sinceMs: trouble.atMs }
}

function asWanted(row: TenantRow, trouble: Trouble | undefined): Condition {
  const type = 'AsWanted'
  if (trouble !== undefined) {
    return { type, status: 'False', reason: trouble.reason, message: trouble.message, sinceMs: trouble.atMs }
  }
  if (row.due === 1) return { type, status: 'False', reason: 'Waiting', message: 'not looked at yet' }
  return { type, status: 'True', reason: 'Settled', message: 'its settings are in effect' }
}

/** How far everything is, in counts. */
export function summarize(store: CoordinatorStore): Summary {
  const [nodes] = store.all<{ n: number; unconfirmed: number }>(
    `SELECT COUNT(*) AS n, COUNT(CASE WHEN acked_generation < config_generation THEN 1 END) AS unconfirmed
     FROM nodes`,
  )
  const [tenants] = store.all<{ n: number; waiting: number; troubled: number; unplaced: number }>(
    `SELECT COUNT(*) AS n, COUNT(CASE WHEN due = 1 THEN 1 END) AS waiting, COUNT(trouble) AS troubled,
       COUNT(CASE WHEN node IS NULL THEN 1 END) AS unplaced FROM tenants`,
  )
  const { n, ...rest } = tenants!
  return {
    revision: store.revision,
    nodes: nodes!.n,
    unconfirmed: nodes!.unconfirmed,
    tenants: n,
    ...rest,
  }
}

/** A page of nodes by name. */
export function listNodes(store: CoordinatorStore, query: PageQuery): Page<NodeView> {
  const rows = store.all<NodeRow>(
    'SELECT * FROM nodes WHERE name > ? ORDER BY name LIMIT ?',
    query.after ?? '',
    pageSize(query) + 1,
  )
  return page(rows, query, (row) => nodeView(store, row))
}

/** A page of tenants by name. */
export function listTenants(store: CoordinatorStore, query: PageQuery): Page<TenantView> {
  const nodes = new Map<string, NodeRow | undefined>()
  return page(tenantRows(store, query), query, (row) => {
    if (row.node !== null && !nodes.has(row.node)) nodes.set(row.node, store.node(row.node))
    return tenantView(row, row.node === null ? undefined : nodes.get(row.node))
  })
}

/** A page of placements by tenant. */
export function listPlacements(store: CoordinatorStore, query: PageQuery): Page<PlacementView> {
  return page(tenantRows(store, query, 'AND node IS NOT NULL'), query, (row) => ({
    tenant: row.name,
    node: row.node!,
    epoch: row.epoch,
    reserved: toTokens(row.reserved_micro),
    placedMs: row.placed_ms ?? row.created_ms,
  }))
}

function tenantRows(store: CoordinatorStore, query: PageQuery, where = ''): TenantRow[] {
  return store.all<TenantRow>(
    `SELECT * FROM tenants WHERE name > ? AND (? IS NULL OR node = ?) ${where} ORDER BY name LIMIT ?`,
    query.after ?? '',
    query.node ?? null,
    query.node ?? null,
    pageSize(query) + 1,
  )
}

function pageSize({ limit }: PageQuery): number {
  return Math.max(1, Math.min(MAX_PAGE, Math.floor(limit)))
}

/** Turns one row more than a page holds into the page and where it goes on. */
export function page<Row extends { name: string }, T>(
  rows: readonly Row[],
  query: PageQuery,
  view: (row: Row) => T,
): Page<T> {
  const size = pageSize(query)
  const items = rows.slice(0, size).map(view)
  return rows.length > size ? { items, next: rows[size - 1]!.name } : { items }
}
