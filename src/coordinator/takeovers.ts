import type { TenantCapsule } from '../core/capsule.ts'
import { freshRow, inheritFrom, presumeRowSpent } from '../core/late-usage.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import {
  leaveBehind,
  type Migration,
  openMigration,
  type Placement,
  planTakeover,
  remedyOf,
  requestAbort,
  type TakeoverFacts,
} from '../core/migration/index.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import { record } from './journal.ts'
import { MoveStore, viewOf } from './move-store.ts'
import { endOf } from './moves.ts'
import { chooseRoom, freeMicro, type Room } from './placing.ts'
import type { ServingLeases } from './serving-leases.ts'
import { readRooms } from './settle.ts'

type Place = Placement<TenantCapsule>
type Open = Migration<TenantCapsule>

/** Takeovers begun in one step of the loop. */
const BATCH = 500

/**
 * Frees tenants from nodes that are silent for good: those whose lease to serve has lapsed get another owner by
 * force, from the last state the coordinator was told; what only waits for the node to tidy up is closed.
 */
export class Takeovers {
  readonly #store: CoordinatorStore
  readonly #rows: MoveStore
  readonly #serving: ServingLeases
  readonly #checkpoints: CheckpointStore

  constructor(store: CoordinatorStore, serving: ServingLeases, checkpoints: CheckpointStore) {
    this.#store = store
    this.#rows = new MoveStore(store)
    this.#serving = serving
    this.#checkpoints = checkpoints
  }

  /** When a node has certainly stopped serving, by the caller's clock; in the past for one that is silent. */
  stoppedMs(node: string, nowMs: number): number {
    return this.#serving.untilMs(node, nowMs)
  }

  /** Whether a tenant waits for this node to come back, or for anybody at all. */
  isNeeded(node: string): boolean {
    return this.#store.tenantsOn(node).length + this.#rows.meeting(node).length > 0
  }

  /** Whether any tenant was left without an owner by a takeover that came to nothing. */
  get hasOrphans(): boolean {
    return this.#rows.orphans().length > 0
  }

  /**
   * Frees all that silent nodes hold, the most critical tenants first, within the capacities of the others. What
   * fits nowhere waits.
   * @param silent the nodes, each with why
   * @returns how many migrations were begun, ended or turned round
   */
  rescue(silent: ReadonlyMap<string, string>, nowMs: number): number {
    const affected = new Map<string, string>()
    for (const node of silent.keys()) {
      for (const tenant of this.#rows.meeting(node)) affected.set(tenant, node)
      for (const { name } of this.#store.tenantsOn(node)) affected.set(name, node)
    }
    for (const tenant of this.#rows.orphans()) if (!affected.has(tenant)) affected.set(tenant, '')
    if (affected.size === 0) return 0
    const rows = [...affected.keys()].flatMap((tenant) => this.#store.tenant(tenant) ?? [])
    const critical = rows.map((row) => ({ row, spec: (JSON.parse(row.manifest) as TenantManifest).spec }))
    critical.sort((a, b) => b.spec.criticality - a.spec.criticality || b.row.base_micro - a.row.base_micro)
    const rooms = readRooms(this.#store)
    for (const node of silent.keys()) rooms.delete(node)
    let done = 0
    for (const { row, spec } of critical) {
      if (done >= BATCH) break
      const why = silent.get(affected.get(row.name)!) ?? 'its node was passed over'
      const freed = this.#store.transaction(() => this.#free(row, spec, silent, why, rooms, nowMs))
      if (freed) done++
    }
    return done
  }

  #free(
    row: TenantRow,
    spec: TenantManifest['spec'],
    silent: ReadonlyMap<string, string>,
    why: string,
    rooms: ReadonlyMap<string, Room>,
    nowMs: number,
  ): boolean {
    const place = this.#rows.placement(row)
    switch (remedyOf(place, (node) => silent.has(node))) {
      case 'takeover':
        return this.#takeOver(row, spec, this.#checkpoints.recall(place), why, rooms, nowMs)
      case 'leave-behind':
        return this.#turn(leaveBehind(place, nowMs), nowMs)
      case 'abort':
        return this.#turn(requestAbort(place, nowMs), nowMs)
      case 'none':
        return false
    }
  }

  #turn(turned: ReturnType<typeof leaveBehind<TenantCapsule>>, nowMs: number): boolean {
    if (!turned.ok) return false
    this.#rows.put(turned.value)
    const migration = turned.value.migration!
    if (openMigration(turned.value) === null) record(this.#store, endOf(migration, nowMs), nowMs)
    return true
  }

  /** To the first node with room that can have it. */
  #takeOver(
    row: TenantRow,
    spec: TenantManifest['spec'],
    place: Place,
    why: string,
    rooms: ReadonlyMap<string, Room>,
    nowMs: number,
  ): boolean {
    const open = openMigration(place)
    const held = heldFor(row, open)
    const usable = new Map(
      Array.from(rooms, ([name, room]) => {
        return [name, { ...room, promisedMicro: room.promisedMicro - (held.get(name) ?? 0) }] as const
      }),
    )
    const { reserved_micro: reserve } = row
    const need = {
      baseMicro: reserve,
      pin: row.pin ?? undefined,
      zones: spec.zones,
      group: spec.antiAffinity,
    }
    const facts = this.#facts(row, place, nowMs)
    for (;;) {
      const chosen = chooseRoom(need, usable)
      if (!chosen.ok) return false
      const { name } = chosen.value
      const request = { tenant: row.name, to: name, reserve, reason: `takeover: ${why}` }
      const target = { node: name, state: 'ready', freeRate: freeMicro(chosen.value), movesIn: 0 } as const
      const planned = planTakeover(place, request, target, facts, nowMs)
      if (planned.ok) {
        if (open !== null) this.#rows.supersede(open, nowMs)
        this.#keep(planned.value, nowMs)
        const room = rooms.get(name)!
        if (!held.has(name)) room.promisedMicro += reserve
        if (need.group !== undefined) room.groups.set(need.group, (room.groups.get(need.group) ?? 0) + 1)
        return true
      }
      if (planned.error.code === 'still-serving') return false
      usable.delete(name)
    }
  }

  #keep(place: Place, nowMs: number): void {
    this.#rows.put(place)
    const { tenant, issuedEpoch } = place
    this.#store.run('UPDATE tenants SET issued_epoch = ? WHERE name = ?', issuedEpoch, tenant)
    const { from, to, epoch, reason } = viewOf(place.migration!)
    const message = `from ${from} to ${to} at epoch ${epoch}: ${reason}`
    record(
      this.#store,
      { kind: 'Tenant', name: tenant, type: 'warning', reason: 'TakeoverStarted', message },
      nowMs,
    )
  }

  #facts(row: TenantRow, place: Place, nowMs: number): TakeoverFacts<TenantCapsule> {
    const { spec } = JSON.parse(row.serving ?? row.manifest) as TenantManifest
    const placed = { tenant: row.name, epoch: row.epoch, spec }
    const open = openMigration(place)
    const past = [place.owner, open?.source?.node, open?.target, open?.bury?.node]
    const nodes = [...new Set(past)].filter((node) => typeof node === 'string')
    return {
      fresh: { placed, row: freshRow(row.name, row.epoch) },
      // Whatever else these nodes have opened is not in the state the heir begins with.
      presumeSpent: (capsule) => {
        const unknown = nodes.map((node) => ({ node, life: 0, opened: 0 }))
        return { placed, row: presumeRowSpent(inheritFrom(capsule.row, unknown)) }
      },
      lapsed: (node) => this.#serving.lapsed(node, nowMs),
    }
  }
}

/** What is promised to this very tenant already, where it lives and where it is on its way to. */
function heldFor(row: TenantRow, open: Open | null): Map<string, number> {
  const held = new Map<string, number>()
  if (row.node !== null) held.set(row.node, row.reserved_micro)
  if (open !== null && open.phase !== 'COMMITTED') held.set(open.target, open.reserve)
  return held
}
