import type { NodeHealth } from '../core/health.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import type { Moves } from './moves.ts'
import { chooseRoom, type Room } from './placing.ts'
import { readRooms } from './settle.ts'

/** A node that does badly for so long is emptied, ms. */
const DEGRADED_FOR_MS = 300_000
/** Moves begun in one step of the loop. */
const BATCH = 64

/**
 * Empties nodes that are drained, have failed or do badly for long: the most critical tenants first, each to
 * the first node with room for it. What fits nowhere stays and is tried again.
 *
 * @returns how many moves were begun
 */
export function evacuate(store: CoordinatorStore, moves: Moves, nowMs: number): number {
  let begun = 0
  for (const { name, why } of leaving(store, nowMs)) {
    const movable = store
      .tenantsOn(name)
      .filter((row) => !moves.isOpen(row.name))
      .map((row) => ({ row, spec: (JSON.parse(row.manifest) as TenantManifest).spec }))
      .sort((a, b) => b.spec.criticality - a.spec.criticality || b.row.base_micro - a.row.base_micro)
    const rooms = readRooms(store)
    rooms.delete(name)
    for (const { row, spec } of movable) {
      if (begun >= BATCH) return begun
      const room = roomFor(rooms, row, spec)
      if (room === undefined) continue
      const started = moves.start({ tenant: row.name, to: room.name, reason: why }, nowMs)
      if (started.ok) {
        begun++
        room.promisedMicro += row.reserved_micro
        const group = spec.antiAffinity
        if (group !== undefined) room.groups.set(group, (room.groups.get(group) ?? 0) + 1)
      } else if (started.error[0]?.message.includes('as many migrations as it may')) break
    }
  }
  return begun
}

/** Whether any node has tenants that are to leave. */
export function evacuationDue(store: CoordinatorStore, nowMs: number): boolean {
  return leaving(store, nowMs).some(({ name }) => store.tenantsOn(name).length > 0)
}

function leaving(store: CoordinatorStore, nowMs: number): { name: string; why: string }[] {
  const nodes = store.all<{ name: string; drain_ms: number | null; health: string | null }>(
    'SELECT name, drain_ms, health FROM nodes WHERE (drain_ms IS NOT NULL OR health IS NOT NULL) ORDER BY name',
  )
  return nodes.flatMap(({ name, drain_ms, health }) => {
    if (drain_ms !== null) return [{ name, why: `${name} is drained` }]
    const { phase, reason, sinceMs } = JSON.parse(health!) as NodeHealth
    // A silent node is not asked to hand its tenants over: it may be served well, or cannot answer either.
    if (reason === 'Silent') return []
    if (phase === 'Failed') return [{ name, why: `${name} has failed` }]
    const long = phase === 'Degraded' && nowMs - sinceMs >= DEGRADED_FOR_MS
    return long ? [{ name, why: `${name} does badly for long` }] : []
  })
}

function roomFor(
  rooms: ReadonlyMap<string, Room>,
  row: TenantRow,
  spec: TenantManifest['spec'],
): Room | undefined {
  const need = { baseMicro: row.reserved_micro, pin: spec.node, zones: spec.zones, group: spec.antiAffinity }
  const chosen = chooseRoom(need, rooms)
  return chosen.ok ? chosen.value : undefined
}
