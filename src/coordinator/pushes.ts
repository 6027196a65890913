import { toTokens } from '../core/amount.ts'
import type { ConfigAnswer, NodeConfig, PlacedTenant } from '../core/control.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, NodeRow } from './coordinator-store.ts'
import { acceptFinalUsage, departuresFrom } from './departures.ts'
import { record } from './journal.ts'
import { MoveStore } from './move-store.ts'

/** When an unanswered config is sent again: doubled each time. */
export const PUSH_RETRY = { firstMs: 500, maxMs: 60_000 } as const

/** Nodes whose config has to be sent now, those that waited longest first, but for those being sent one. */
export function pendingPushes(
  store: CoordinatorStore,
  nowMs: number,
  limit: number,
  sending: readonly string[] = [],
): string[] {
  const rows = store.all<{ name: string }>(
    `SELECT name FROM nodes WHERE acked_generation < config_generation AND push_due_ms <= ?
     AND name NOT IN (SELECT value FROM json_each(?)) ORDER BY push_due_ms, name LIMIT ?`,
    nowMs,
    JSON.stringify(sending),
    limit,
  )
  return rows.map((row) => row.name)
}

/** When the next push is due; undefined when every other node has confirmed its config. */
export function nextPushMs(store: CoordinatorStore, sending: readonly string[] = []): number | undefined {
  const [row] = store.all<{ due: number | null }>(
    `SELECT MIN(push_due_ms) AS due FROM nodes WHERE acked_generation < config_generation
     AND name NOT IN (SELECT value FROM json_each(?))`,
    JSON.stringify(sending),
  )
  return row?.due ?? undefined
}

/** All a node must know, as of now. */
export function nodeConfig(store: CoordinatorStore, row: NodeRow): NodeConfig {
  const { spec } = JSON.parse(row.manifest) as NodeManifest
  const tenants: PlacedTenant[] = []
  // A tenant on its way here was promised its room, too: its account must find it when it comes.
  let promisedMicro = new MoveStore(store).reservedMicro().get(row.name) ?? 0
  for (const tenant of store.tenantsOn(row.name)) {
    const manifest = JSON.parse(tenant.serving ?? tenant.manifest) as TenantManifest
    tenants.push({ tenant: tenant.name, epoch: tenant.epoch, spec: manifest.spec })
    promisedMicro += tenant.reserved_micro
  }
  // A capacity lowered below what is promised takes effect as tenants leave: promises are kept.
  const capacity = toTokens(Math.max(row.capacity_micro, promisedMicro))
  const departed = departuresFrom(store, row.name)
  const config = { node: row.name, generation: row.config_generation, spec: { ...spec, capacity }, tenants }
  return departed.length === 0 ? config : { ...config, departed }
}

/**
 * Books a node's answer; one that is late or repeated changes nothing. A node that is going away and confirmed
 * to hold nothing is forgotten.
 */
export function acceptAnswer(
  store: CoordinatorStore,
  node: string,
  answer: ConfigAnswer,
  nowMs: number,
): boolean {
  return store.transaction(() => {
    const row = store.node(node)
    if (row === undefined || answer.generation <= row.acked_generation) return false
    if (answer.generation > row.config_generation) {
      // The node remembers more than this store, which was restored or begun anew: go on above it.
      store.setNumber('revision', Math.max(store.revision, answer.generation))
      store.touchNode(node, store.nextRevision())
      return false
    }
    for (const { tenant, reason } of answer.refused.slice(0, 100)) {
      const message = `${node} refused its settings: ${reason}`
      record(store, { kind: 'Tenant', name: tenant, type: 'warning', reason: 'Refused', message }, nowMs)
    }
    acceptFinalUsage(store, node, answer.departed ?? [], nowMs)
    if (row.deleted_ms !== null && answer.generation === row.config_generation) {
      store.run('DELETE FROM nodes WHERE name = ?', node)
      // A node made anew under this name is another machine: it does not begin asleep.
      store.run('DELETE FROM power WHERE node = ?', node)
      return true
    }
    store.run(
      `UPDATE nodes SET acked_generation = ?, acked_ms = ?, push_attempts = 0, push_due_ms = 0, push_error = NULL,
         observed_generation = ? WHERE name = ?`,
      answer.generation,
      nowMs,
      answer.generation === row.config_generation ? row.generation : row.observed_generation,
      node,
    )
    return true
  })
}

/** Books that a node did not answer, and when it is asked again. */
export function acceptSilence(store: CoordinatorStore, node: string, reason: string, nowMs: number): void {
  const row = store.node(node)
  if (row === undefined) return
  const waitMs = Math.min(PUSH_RETRY.maxMs, PUSH_RETRY.firstMs * 2 ** Math.min(row.push_attempts, 20))
  store.run(
    'UPDATE nodes SET push_attempts = push_attempts + 1, push_due_ms = ?, push_error = ? WHERE name = ?',
    nowMs + waitMs,
    reason.slice(0, 300),
    node,
  )
}
