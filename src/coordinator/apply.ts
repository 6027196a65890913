import { toMicro } from '../core/amount.ts'
import {
  type ApplyOptions,
  type ApplyReport,
  type Change,
  MAX_REPORTED_CHANGES,
  type WriteFault,
  type WriteResult,
} from '../core/coordinator-api.ts'
import type { ManifestSet } from '../core/manifest/check.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import { claimKeys, describeRoute } from '../core/manifest/route.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import { err, ok } from '../core/result.ts'
import { canonicalJson } from './canonical.ts'
import type { CoordinatorStore, NodeRow, TenantRow } from './coordinator-store.ts'
import { record } from './journal.ts'
import { deleteNode, deleteTenant } from './remove.ts'

/** Longest manifest of one object, UTF-16 units of its JSON: SQLite rows end at 2 MB. */
export const MAX_MANIFEST_CHARS = 500_000

/** Devices an event names. */
const MAX_NAMED_DEVICES = 8

/** Tenants that are found on any host, by path or key: every host's answer carries them all. */
export const MAX_ANY_HOST_TENANTS = 1_000

/**
 * Makes a set of manifests the wanted state. The same set again changes nothing. What does not fit is accepted;
 * placing says so in the object's status. Runs inside the transaction of the caller, who undoes it all when
 * the outcome is a fault.
 */
export function applySet(
  store: CoordinatorStore,
  set: ManifestSet,
  options: ApplyOptions,
  nowMs: number,
): WriteResult<ApplyReport> {
  const before = store.revision
  const stale = staleFault(store, options)
  if (stale !== undefined) return err([stale])
  const work: Work = { store, nowMs, actor: options.actor, revision: before + 1, changes: [], faults: [] }
  store.setNumber('revision', work.revision)
  if (options.prune === true) pruneTenants(work, set)
  // Claims that are given up in this set are free for others of it, whatever the order.
  const changed = set.tenants.filter((tenant) => tenantChanges(work, tenant))
  for (const tenant of changed) dropClaims(store, tenant.metadata.name)
  for (const node of set.nodes) applyNode(work, node)
  for (const tenant of changed) applyTenant(work, tenant)
  if (options.prune === true) pruneNodes(work, set)
  if (work.faults.length > 0) return err(work.faults.slice(0, 50))
  if (work.changes.length === 0) store.setNumber('revision', before)
  return ok(reportOf(store.revision, work.changes, set.nodes.length + set.tenants.length))
}

/** Sums up the changes of a set of `total` objects. */
export function reportOf(revision: number, changes: readonly Change[], total: number): ApplyReport {
  const count = (action: Change['action']) => changes.filter((change) => change.action === action).length
  const [created, changed, deleted] = [count('created'), count('changed'), count('deleted')]
  return {
    revision,
    created,
    changed,
    deleted,
    unchanged: total - created - changed,
    changes: changes.slice(0, MAX_REPORTED_CHANGES),
  }
}

function staleFault(store: CoordinatorStore, options: ApplyOptions): WriteFault | undefined {
  const { revision } = store
  if (options.ifRevision !== undefined && options.ifRevision !== revision) {
    const message = `the store is at revision ${revision}, not ${options.ifRevision}; read again and repeat`
    return { code: 'stale', message }
  }
  if (options.ifObject === undefined) return undefined
  const { kind, name } = options.ifObject
  return revisionFault(store, kind, name, options.ifObject.revision)
}

/** Says so when an object is not at the revision somebody read; `null`: must not exist. */
export function revisionFault(
  store: CoordinatorStore,
  kind: Change['kind'],
  name: string,
  wanted: number | null | undefined,
): WriteFault | undefined {
  if (wanted === undefined) return undefined
  const row = kind === 'Node' ? store.node(name) : store.tenant(name)
  const gone = row === undefined || ('deleted_ms' in row && row.deleted_ms !== null)
  const revision = gone ? null : row.revision
  if (revision === wanted) return undefined
  const is = revision === null ? 'does not exist' : `is at revision ${revision}`
  const message = `${is}, not ${wanted === null ? 'new' : wanted}; read it again and repeat`
  return { code: 'stale', kind, name, message }
}

interface Work {
  readonly store: CoordinatorStore
  readonly nowMs: number
  readonly actor: string | undefined
  readonly revision: number
  readonly changes: Change[]
  readonly faults: WriteFault[]
}

function note(work: Work, change: Change, reason: string, message: string): void {
  work.changes.push(change)
  const { kind, name } = change
  record(work.store, { kind, name, reason, message, actor: work.actor }, work.nowMs)
}

function applyNode(work: Work, manifest: NodeManifest): void {
  const { store } = work
  const { metadata, spec } = manifest
  const json = canonicalJson(manifest)
  const old = store.node(metadata.name)
  if (old !== undefined && old.manifest === json && old.deleted_ms === null) return
  if (tooLarge(work, 'Node', metadata.name, json)) return
  const generation = old === undefined ? 1 : old.generation + (specChanged(old, spec) ? 1 : 0)
  store.run(
    `INSERT INTO nodes (name, manifest, generation, revision, created_ms, capacity_micro, zone, cordoned,
       config_generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest, generation = excluded.generation,
       revision = excluded.revision, capacity_micro = excluded.capacity_micro, zone = excluded.zone,
       cordoned = excluded.cordoned, deleted_ms = NULL`,
    metadata.name,
    json,
    generation,
    work.revision,
    work.nowMs,
    toMicro(spec.capacity),
    spec.zone ?? null,
    spec.cordoned ? 1 : 0,
    work.revision,
  )
  store.touchNode(metadata.name, work.revision)
  store.wakeTroubled()
  const action = old === undefined || old.deleted_ms !== null ? 'created' : 'changed'
  const reason = action === 'created' ? 'Created' : 'Changed'
  const message = `capacity ${spec.capacity} tokens/s${spec.zone === undefined ? '' : ` in zone ${spec.zone}`}`
  note(work, { kind: 'Node', name: metadata.name, action }, reason, message)
}

function tenantChanges({ store }: Work, manifest: TenantManifest): boolean {
  return store.tenant(manifest.metadata.name)?.manifest !== canonicalJson(manifest)
}

function applyTenant(work: Work, manifest: TenantManifest): void {
  const { store } = work
  const { metadata, spec } = manifest
  const json = canonicalJson(manifest)
  const old = store.tenant(metadata.name)
  if (tooLarge(work, 'Tenant', metadata.name, json)) return
  const changed = old === undefined || specChanged(old, spec)
  store.run(
    `INSERT INTO tenants (name, manifest, generation, revision, created_ms, base_micro, anti_affinity, pin,
       due, issued_epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
     ON CONFLICT (name) DO UPDATE SET manifest = excluded.manifest, generation = excluded.generation,
       revision = excluded.revision, base_micro = excluded.base_micro,
       anti_affinity = excluded.anti_affinity, pin = excluded.pin, due = 1, serving = ?`,
    metadata.name,
    json,
    old === undefined ? 1 : old.generation + (changed ? 1 : 0),
    work.revision,
    work.nowMs,
    toMicro(spec.base),
    spec.antiAffinity ?? null,
    spec.node ?? null,
    store.number('epoch_floor'),
    // What the node serves goes on until the new spec is settled on it.
    old === undefined || old.node === null ? null : (old.serving ?? old.manifest),
  )
  takeClaims(work, manifest)
  const action = old === undefined ? 'created' : 'changed'
  const message = `base ${spec.base} tokens/s, priority ${spec.priority}${splitOf(spec.devices)}`
  note(
    work,
    { kind: 'Tenant', name: metadata.name, action },
    old === undefined ? 'Created' : 'Changed',
    message,
  )
}

/** How the base is split, for the journal. */
function splitOf(devices: TenantManifest['spec']['devices']): string {
  if (devices.length === 0) return ''
  const named = devices.slice(0, MAX_NAMED_DEVICES).map(({ name, base }) => `${name} ${base}`)
  const more = devices.length - named.length
  return `, devices ${named.join(', ')}${more === 0 ? '' : ` and ${more} more`}`
}

function specChanged(old: NodeRow | TenantRow, spec: unknown): boolean {
  return canonicalJson((JSON.parse(old.manifest) as { spec: unknown }).spec) !== canonicalJson(spec)
}

function tooLarge(work: Work, kind: Change['kind'], name: string, json: string): boolean {
  if (json.length <= MAX_MANIFEST_CHARS) return false
  const message = `the manifest must have at most ${MAX_MANIFEST_CHARS} characters, this has ${json.length}`
  work.faults.push({ code: 'too-large', kind, name, message })
  return true
}

/** Claims the routes of a tenant; a route that another tenant has is a fault that names both. */
function takeClaims(work: Work, { metadata, spec }: TenantManifest): void {
  const { store } = work
  const tenant = metadata.name
  for (const host of spec.hosts) store.run('INSERT OR IGNORE INTO hosts VALUES (?, ?)', host, tenant)
  if (spec.hosts.length === 0 && spec.paths.length + spec.keys.length > 0) {
    store.run("INSERT OR IGNORE INTO hosts VALUES ('', ?)", tenant)
    const [count] = store.all<{ n: number }>("SELECT COUNT(*) AS n FROM hosts WHERE host = ''")
    if (count!.n > MAX_ANY_HOST_TENANTS) {
      const message = `at most ${MAX_ANY_HOST_TENANTS} tenants may be found on any host; name hosts`
      work.faults.push({ code: 'conflict', kind: 'Tenant', name: tenant, message })
    }
  }
  for (const key of claimKeys(spec)) {
    const owner = store.all<{ tenant: string }>('SELECT tenant FROM claims WHERE key = ?', key)[0]?.tenant
    if (owner === undefined) store.run('INSERT INTO claims VALUES (?, ?)', key, tenant)
    else if (owner !== tenant) {
      const message = `must not claim ${describeRoute(key)}, tenant ${owner} does`
      work.faults.push({ code: 'conflict', kind: 'Tenant', name: tenant, message })
      return
    }
  }
}

function dropClaims(store: CoordinatorStore, tenant: string): void {
  store.run('DELETE FROM claims WHERE tenant = ?', tenant)
  store.run('DELETE FROM hosts WHERE tenant = ?', tenant)
}

function pruneTenants(work: Work, set: ManifestSet): void {
  const kept = new Set(set.tenants.map((tenant) => tenant.metadata.name))
  for (const { name } of work.store.all<{ name: string }>('SELECT name FROM tenants')) {
    if (kept.has(name)) continue
    const fault = deleteTenant(work.store, name, work.revision)
    if (fault === undefined) {
      note(work, { kind: 'Tenant', name, action: 'deleted' }, 'Deleted', 'not in the applied set')
    } else work.faults.push({ code: 'in-use', kind: 'Tenant', name, message: fault })
  }
}

function pruneNodes(work: Work, set: ManifestSet): void {
  const kept = new Set(set.nodes.map((node) => node.metadata.name))
  for (const { name } of work.store.all<{ name: string }>(
    'SELECT name FROM nodes WHERE deleted_ms IS NULL',
  )) {
    if (kept.has(name)) continue
    const fault = deleteNode(work.store, name, work.revision, work.nowMs)
    if (fault === undefined) {
      note(work, { kind: 'Node', name, action: 'deleted' }, 'Deleted', 'not in the applied set')
    } else work.faults.push({ code: 'in-use', kind: 'Node', name, message: fault })
  }
}
