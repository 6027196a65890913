import type { TenantCapsule } from '../core/capsule.ts'
import { latestCapsule } from '../core/capsule.ts'
import type { WriteResult } from '../core/coordinator-api.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import { onAnswer } from '../core/migration/coordinator-side.ts'
import type { Migration, Placement } from '../core/migration/placement.ts'
import { type MoveLimits, planMove, requestAbort, type TargetFacts } from '../core/migration/plan.ts'
import type { PlanRefusalCode, Refusal } from '../core/migration/refusals.ts'
import { messageForStray } from '../core/migration/strays.ts'
import type { NodeAnswer, NodeMessage } from '../core/migration/types.ts'
import type { MigrationQuery, MigrationView, NewMigration } from '../core/migration-view.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import { record } from './journal.ts'
import { keepBooking } from './late-bookings.ts'
import { MOVE_TERMS, type MovableNode, MoveRun } from './move-run.ts'
import { MoveStore, viewOf } from './move-store.ts'
import { misfitOf, type Room } from './placing.ts'
import { readRooms } from './settle.ts'

type Place = Placement<TenantCapsule>

/** Moves before their commit a node takes part in at a time, each way. */
export const MOVE_LIMITS: MoveLimits = { maxMovesIn: 16, maxMovesOut: 16 }

/** How long the configs of the two nodes of a commit wait for those of further commits, ms: both know of theirs. */
const NEWS_AFTER_MS = 2_000

/** What a node is told at once when it is back: an answer may hold a tenant's whole account. */
export const TOLD_AT_ONCE = 256

/**
 * Drives migrations by the pure protocol of `core/migration`: every change is one transaction, every message
 * is sent again until it is answered, and a crash anywhere is taken up by the alarm.
 */
export class Moves {
  readonly #store: CoordinatorStore
  readonly #rows: MoveStore
  readonly #run: MoveRun

  constructor(store: CoordinatorStore, nodeOf: (name: string) => MovableNode) {
    this.#store = store
    this.#rows = new MoveStore(store)
    const take = (tenant: string, answer: NodeAnswer<TenantCapsule>) => this.take(tenant, answer)
    this.#run = new MoveRun({ rows: this.#rows, take }, nodeOf)
  }

  /** What a node has to be told of tenants it was passed over by, before its lease to serve may be renewed. */
  toldTo(node: string): NodeMessage<TenantCapsule>[] {
    const messages: NodeMessage<TenantCapsule>[] = []
    for (const tenant of this.#rows.strayed(node)) {
      const place = this.#rows.stored(tenant)
      const message = place === undefined ? null : messageForStray(place, node)
      if (message !== null) messages.push(message)
      if (messages.length >= TOLD_AT_ONCE) break
    }
    return messages
  }

  /** Plans a move; the caller wakes the loop. @returns why not, nothing changed */
  start(
    { tenant, to, reason = 'by request' }: NewMigration,
    nowMs: number,
    actor?: string,
  ): WriteResult<MigrationView> {
    return this.#store.transaction(() => {
      const row = this.#store.tenant(tenant)
      const planned = this.#plan(
        row,
        tenant,
        to,
        actor === undefined ? reason : `${reason} (${actor})`,
        nowMs,
      )
      if (!planned.ok) return refusedAs(planned.error, tenant)
      const place = planned.value
      this.#rows.put(place)
      this.#store.run('UPDATE tenants SET issued_epoch = ? WHERE name = ?', place.issuedEpoch, tenant)
      const view = viewOf(place.migration!)
      const message = `from ${view.from} to ${to} at epoch ${view.epoch}: ${view.reason}`
      record(this.#store, { kind: 'Tenant', name: tenant, reason: 'MoveStarted', message, actor }, nowMs)
      return ok(view)
    })
  }

  /** Asks for the abort of a tenant's open move. */
  abort(tenant: string, nowMs: number, actor?: string): WriteResult<MigrationView> {
    return this.#store.transaction(() => {
      const row = this.#store.tenant(tenant)
      if (row === undefined) return notFound(tenant)
      const asked = requestAbort(this.#rows.placement(row), nowMs)
      if (!asked.ok) return refusedAs(asked.error, tenant)
      this.#rows.put(asked.value)
      const message = 'asked to be aborted'
      record(this.#store, { kind: 'Tenant', name: tenant, reason: 'MoveAborting', message, actor }, nowMs)
      return ok(viewOf(asked.value.migration!))
    })
  }

  list(query: MigrationQuery): MigrationView[] {
    return this.#rows.list(query)
  }

  /** Whether a tenant's move is open; such a tenant cannot be deleted. */
  isOpen(tenant: string): boolean {
    return this.#rows.isOpen(tenant)
  }

  dueMs(): number | undefined {
    return this.#rows.nextDueMs(Date.now(), MOVE_TERMS.retryMaxMs)
  }

  /** Drives every open migration as far as it goes now; calls during a run take up what was planned since. */
  run(): Promise<void> {
    return this.#run.run()
  }

  /**
   * Books an answer: the protocol's row, what was handed in, and with the commit where the tenant lives.
   * @returns the row afterwards
   */
  take(tenant: string, answer: NodeAnswer<TenantCapsule>): Place | undefined {
    const nowMs = Date.now()
    return this.#store.transaction(() => {
      const before = this.#rows.stored(tenant)
      if (before === undefined) return undefined
      const { placement, booking } = onAnswer(before, answer, nowMs, MOVE_TERMS, latestCapsule)
      if (placement === before) return before
      this.#rows.put(placement, before)
      if (answer.kind === 'retired') keepBooking(this.#store, answer, booking, nowMs)
      if (placement.epoch !== before.epoch) this.#commit(placement, nowMs)
      const phase = placement.migration?.phase
      if (phase !== before.migration?.phase && (phase === 'DONE' || phase === 'ABORTED')) {
        record(this.#store, endOf(placement.migration!, nowMs), nowMs)
      }
      return placement
    })
  }

  #commit({ tenant, owner, epoch, migration }: Place, nowMs: number): void {
    const revision = this.#store.nextRevision()
    this.#store.run(
      `UPDATE tenants SET node = ?, epoch = ?, placed_ms = ?, config_generation = ?,
         due = due OR trouble IS NOT NULL OR serving IS NOT NULL OR observed_generation < generation WHERE name = ?`,
      owner,
      epoch,
      nowMs,
      revision,
      tenant,
    )
    for (const node of [owner, migration?.source?.node]) {
      if (typeof node === 'string') {
        this.#store.touchNodeLater(node, revision, nowMs, nowMs + NEWS_AFTER_MS)
      }
    }
    this.#store.wakeTroubled()
  }

  #plan(
    row: TenantRow | undefined,
    tenant: string,
    to: string,
    reason: string,
    nowMs: number,
  ): Result<Place, Refusal | string> {
    const placement = row === undefined ? undefined : this.#rows.placement(row)
    const reserve = row?.reserved_micro ?? 0
    const movesOut = row?.node == null ? 0 : this.#rows.under(row.node).movesOut
    const request = { tenant, to, reserve, reason }
    const room = readRooms(this.#store).get(to)
    const planned = planMove(placement, request, this.#target(to, room), movesOut, MOVE_LIMITS, nowMs)
    if (!planned.ok || row === undefined || room === undefined) return planned
    const misfit = this.#misfit(row, room)
    return misfit === undefined ? planned : err(misfit)
  }

  #target(name: string, room: Room | undefined): TargetFacts | undefined {
    const row = this.#store.node(name)
    if (room === undefined || row === undefined || row.deleted_ms !== null) return undefined
    const failed = room.closed === 'has failed'
    return {
      node: name,
      state: failed ? 'failed' : room.closed === undefined ? 'ready' : 'cordoned',
      freeRate: room.capacityMicro - room.promisedMicro,
      movesIn: this.#rows.under(name).movesIn,
    }
  }

  /** Zones, anti-affinity and pins bind a move as they bind a placement. */
  #misfit(row: TenantRow, room: Room): string | undefined {
    const { spec } = JSON.parse(row.manifest) as TenantManifest
    if (spec.node !== undefined && spec.node !== room.name) {
      return `Tenant ${row.name} is pinned to ${spec.node}; change its manifest to move it.`
    }
    const need = { baseMicro: 0, pin: undefined, zones: spec.zones, group: spec.antiAffinity }
    const misfit = misfitOf(need, room)
    return misfit === undefined ? undefined : `Tenant ${row.name} cannot live there: ${misfit.message}.`
  }
}

function refusedAs(refusal: Refusal | string, tenant: string): WriteResult<never> {
  if (typeof refusal !== 'string' && refusal.code === 'unknown-tenant') return notFound(tenant)
  if (typeof refusal === 'string') return err([{ code: 'conflict', message: refusal }])
  return err([{ code: 'conflict', message: refusal.text, refusal: refusal.code as PlanRefusalCode }])
}

/** The journal's entry about a migration that has ended. */
export function endOf(migration: Migration<TenantCapsule>, nowMs: number) {
  const { tenant, from, to, phase, startedMs, lastRefusal } = viewOf(migration)
  const { forced } = migration
  const subject = { kind: 'Tenant', name: tenant } as const
  if (phase === 'DONE') {
    const message = `from ${from} to ${to} in ${nowMs - startedMs} ms`
    return { ...subject, reason: forced ? 'TakenOver' : 'Moved', message }
  }
  const why = lastRefusal === undefined ? '' : `: ${lastRefusal}`
  const message = forced ? `did not come to ${to}${why}` : `stays on ${from}${why}`
  return { ...subject, type: 'warning', reason: forced ? 'TakeoverAborted' : 'MoveAborted', message } as const
}

function notFound(tenant: string): WriteResult<never> {
  return err([{ code: 'not-found', kind: 'Tenant', name: tenant, message: `there is no tenant ${tenant}` }])
}
