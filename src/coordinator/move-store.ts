import type { TenantCapsule } from '../core/capsule.ts'
import {
  idOf,
  type Migration,
  newPlacement,
  openMigration,
  type Placement,
} from '../core/migration/placement.ts'
import type { MigrationQuery, MigrationView } from '../core/migration-view.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'

type Place = Placement<TenantCapsule>

/** Closed migrations that are kept for `get migrations`. */
const KEEP_CLOSED = 10_000

/** The rows of migrations: each tenant's protocol state, and a log of all moves for people. */
export class MoveStore {
  readonly #store: CoordinatorStore

  constructor(store: CoordinatorStore) {
    this.#store = store
  }

  /** A tenant's protocol state; begun from where it was placed if it has never moved. */
  placement(row: TenantRow): Place {
    const stored = this.stored(row.name)
    const issuedEpoch = Math.max(row.issued_epoch, stored?.issuedEpoch ?? 0)
    if (stored !== undefined && stored.owner === row.node) return { ...stored, issuedEpoch }
    return { ...newPlacement<TenantCapsule>(row.name), owner: row.node, epoch: row.epoch, issuedEpoch }
  }

  /** The state as it was stored; undefined for a tenant that has never moved. */
  stored(tenant: string): Place | undefined {
    const [row] = this.#store.all<{ value: string }>('SELECT value FROM moves WHERE tenant = ?', tenant)
    return row && (JSON.parse(row.value) as Place)
  }

  /** Whether a tenant's migration is open: only then something is due. */
  isOpen(tenant: string): boolean {
    return this.#store.all('SELECT 1 FROM moves WHERE tenant = ? AND due_ms IS NOT NULL', tenant).length > 0
  }

  /**
   * Keeps a state; belongs into the transaction of what it changes. The log has a migration's beginning and end: how
   * far an open one is, its row says.
   * @param before the stored state it comes from, if that is known
   */
  put(place: Place, before?: Place): void {
    const open = openMigration(place)
    this.#store.run(
      'INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?, ?, ?)',
      place.tenant,
      JSON.stringify(place),
      open === null ? null : place.retry.dueAtMs,
      open?.source?.node ?? null,
      open?.target ?? null,
      open !== null && open.phase !== 'COMMITTED' ? 1 : 0,
    )
    const { migration, strays } = place
    if (migration !== null && (open === null || migration.history.length === 1)) this.#log(viewOf(migration))
    if (strays !== before?.strays) this.#putStrays(place)
  }

  /** Notes that a takeover has superseded an open migration, which is gone from the tenant's row. */
  supersede(migration: Migration<TenantCapsule>, nowMs: number): void {
    const steps = [...migration.history, { phase: 'ABORTED', atMs: nowMs } as const]
    const lastRefusal = 'A takeover has replaced it.'
    this.#log(viewOf({ ...migration, phase: 'ABORTED', history: steps, lastRefusal }))
  }

  /** Tenants with something left on a node. */
  strayed(node: string): string[] {
    const rows = this.#store.all<{ tenant: string }>(
      'SELECT tenant FROM strays WHERE node = ? ORDER BY tenant',
      node,
    )
    return rows.map(({ tenant }) => tenant)
  }

  /** Tenants with an open migration out of, into or away from a node. */
  meeting(node: string): string[] {
    const rows = this.#store.all<{ tenant: string }>(
      'SELECT tenant FROM moves WHERE due_ms IS NOT NULL AND (source = ?1 OR target = ?1)',
      node,
    )
    return rows.map(({ tenant }) => tenant)
  }

  /** Tenants whose owner was passed over by a takeover that came to nothing: only another one helps. */
  orphans(): string[] {
    const rows = this.#store.all<{ tenant: string }>(
      `SELECT tenant FROM moves WHERE due_ms IS NULL AND json_extract(value, '$.ownerPassedOver') = 1`,
    )
    return rows.map(({ tenant }) => tenant)
  }

  /** Keeps when the message of a state is sent again. */
  postpone(place: Place): void {
    this.#store.run(
      'UPDATE moves SET value = ?, due_ms = ? WHERE tenant = ?',
      JSON.stringify(place),
      openMigration(place) === null ? null : place.retry.dueAtMs,
      place.tenant,
    )
  }

  /**
   * Tenants whose open migration has something to do by `nowMs`. What is due later than any pause was made due by a
   * clock that has since been set back: it is due now.
   * @param longestMs the longest pause
   */
  due(nowMs: number, longestMs: number, limit: number): string[] {
    const rows = this.#store.all<{ tenant: string }>(
      'SELECT tenant FROM moves WHERE due_ms <= ?1 OR due_ms > ?2 ORDER BY due_ms LIMIT ?3',
      nowMs,
      nowMs + longestMs,
      limit,
    )
    return rows.map(({ tenant }) => tenant)
  }

  /** When the next step is due, at most `longestMs` from now; undefined when no migration is open. */
  nextDueMs(nowMs: number, longestMs: number): number | undefined {
    const [row] = this.#store.all<{ due: number | null }>('SELECT MIN(due_ms) AS due FROM moves')
    return row?.due == null ? undefined : Math.min(row.due, nowMs + longestMs)
  }

  /** Open migrations before their commit, into and out of a node. */
  under(node: string): { readonly movesIn: number; readonly movesOut: number } {
    const [row] = this.#store.all<{ movesIn: number; movesOut: number }>(
      `SELECT COALESCE(SUM(target = ?1), 0) AS movesIn, COALESCE(SUM(source = ?1), 0) AS movesOut
       FROM moves WHERE before_commit = 1`,
      node,
    )
    return row!
  }

  /** Micro-tokens/s that open migrations before their commit reserve on each target. */
  reservedMicro(): Map<string, number> {
    const rows = this.#store.all<{ target: string; micro: number }>(
      `SELECT target, SUM(json_extract(value, '$.migration.reserve')) AS micro FROM moves
       WHERE before_commit = 1 GROUP BY target`,
    )
    return new Map(rows.map(({ target, micro }) => [target, micro]))
  }

  list({ limit, tenant, open }: MigrationQuery): MigrationView[] {
    const where = [
      ...(tenant === undefined ? [] : ['tenant = ?1']),
      ...(open === true ? ['ended_ms IS NULL'] : []),
    ]
    const rows = this.#store.all<{ tenant: string; ended_ms: number | null; value: string }>(
      `SELECT tenant, ended_ms, value FROM move_log ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`}
       ORDER BY started_ms DESC, id DESC LIMIT ?2`,
      tenant ?? '',
      limit,
    )
    return rows.map(({ tenant, ended_ms, value }) => {
      const logged = JSON.parse(value) as MigrationView
      const migration = ended_ms === null ? this.stored(tenant)?.migration : null
      return migration?.epoch === logged.epoch ? viewOf(migration) : logged
    })
  }

  #putStrays({ tenant, strays }: Place): void {
    this.#store.run('DELETE FROM strays WHERE tenant = ?', tenant)
    for (const { node } of strays) this.#store.run('INSERT OR IGNORE INTO strays VALUES (?, ?)', node, tenant)
  }

  #log(view: MigrationView): void {
    this.#store.run(
      'INSERT OR REPLACE INTO move_log VALUES (?, ?, ?, ?, ?)',
      view.id,
      view.tenant,
      view.startedMs,
      view.endedMs ?? null,
      JSON.stringify(view),
    )
    if (view.endedMs !== undefined) {
      this.#store.run(
        `DELETE FROM move_log WHERE ended_ms IS NOT NULL AND id IN
           (SELECT id FROM move_log ORDER BY started_ms DESC LIMIT -1 OFFSET ?)`,
        KEEP_CLOSED,
      )
    }
  }
}

/** A migration for people and programs. */
export function viewOf(migration: Migration<TenantCapsule>): MigrationView {
  const { tenant, epoch, source, target, reason, phase, history, lastRefusal } = migration
  const closed = phase === 'DONE' || phase === 'ABORTED'
  return {
    id: idOf(migration),
    tenant,
    epoch,
    from: source?.node ?? '',
    to: target,
    reason,
    phase,
    startedMs: history[0]!.atMs,
    ...(closed ? { endedMs: history.at(-1)!.atMs } : {}),
    steps: history,
    ...(lastRefusal === null ? {} : { lastRefusal }),
  }
}
