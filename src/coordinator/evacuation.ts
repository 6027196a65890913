import type { NodeHealth } from '../core/health.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import type { Moves } from './moves.ts'
import { chooseRoom, type Room } from './placing.ts'
import { readRooms } from './settle.ts'
import type { Takeovers } from './takeovers.ts'

/** A node that does badly for so long is emptied, ms. */
const DEGRADED_FOR_MS = 300_000
/** Moves begun in one step of the loop. */
const BATCH = 64

/** A node that did not let its tenants go is looked at again after so long, ms: there may be room now. */
const RETRY_MS = 5_000

/**
 * Empties nodes that are drained, have failed or do badly for long: the most critical tenants first, each to
 * the first node with room for it. Those of a node that is silent and has certainly stopped are taken over by
 * force. What fits nowhere stays and is tried again.
 *
 * @returns how many moves were begun
 */
export function evacuate(store: CoordinatorStore, moves: Moves, takeovers: Takeovers, nowMs: number): number {
  const nodes = leaving(store, nowMs)
  const stopped = nodes.filter(({ name, failed }) => failed && takeovers.stoppedMs(name, nowMs) <= nowMs)
  const silent = new Map(stopped.map(({ name, why }) => [name, `${why} and is silent`]))
  let begun = takeovers.rescue(silent, nowMs)
  let moved = 0
  for (const { name, why, heard } of nodes) {
    // A silent node is not asked to hand its tenants over: it may serve them well, or cannot answer either.
    if (!heard || silent.has(name)) continue
    const movable = store
      .tenantsOn(name)
      .filter((row) => !moves.isOpen(row.name))
      .map((row) => ({ row, spec: (JSON.parse(row.manifest) as TenantManifest).spec }))
      .sort((a, b) => b.spec.criticality - a.spec.criticality || b.row.base_micro - a.row.base_micro)
    const rooms = readRooms(store)
    rooms.delete(name)
    for (const { row, spec } of movable) {
      if (moved >= BATCH) return begun
      const room = roomFor(rooms, row, spec)
      if (room === undefined) continue
      const started = moves.start({ tenant: row.name, to: room.name, reason: why }, nowMs)
      if (started.ok) {
        begun++
        moved++
        room.promisedMicro += row.reserved_micro
        const group = spec.antiAffinity
        if (group !== undefined) room.groups.set(group, (room.groups.get(group) ?? 0) + 1)
      } else if (started.error[0]?.refusal === 'busy-node') break
    }
  }
  return begun
}

/** When nodes that hold tenants that are to leave have to be looked at again; undefined when none does. */
export function evacuationDueMs(
  store: CoordinatorStore,
  takeovers: Takeovers,
  nowMs: number,
): number | undefined {
  const held = leaving(store, nowMs).filter(({ name }) => takeovers.isNeeded(name))
  if (held.length === 0 && !takeovers.hasOrphans) return undefined
  const stops = held.flatMap(({ name, failed }) => (failed ? [takeovers.stoppedMs(name, nowMs)] : []))
  return Math.min(nowMs + RETRY_MS, ...stops.filter((stopMs) => stopMs > nowMs))
}

/** A node whose tenants are to leave. */
interface Leaving {
  readonly name: string
  readonly why: string
  readonly failed: boolean
  /** Whether it reports, so that it can be asked to hand tenants over. */
  readonly heard: boolean
}

function leaving(store: CoordinatorStore, nowMs: number): Leaving[] {
  const nodes = store.all<{ name: string; drain_ms: number | null; health: string | null }>(
    'SELECT name, drain_ms, health FROM nodes WHERE (drain_ms IS NOT NULL OR health IS NOT NULL) ORDER BY name',
  )
  return nodes.flatMap(({ name, drain_ms, health }): Leaving[] => {
    const is = health === null ? undefined : (JSON.parse(health) as NodeHealth)
    const failed = is?.phase === 'Failed'
    const heard = is?.reason !== 'Silent'
    if (failed) return [{ name, why: `${name} has failed`, failed, heard }]
    if (drain_ms !== null) return [{ name, why: `${name} is drained`, failed, heard }]
    const long = is?.phase === 'Degraded' && nowMs - is.sinceMs >= DEGRADED_FOR_MS
    return long ? [{ name, why: `${name} does badly for long`, failed, heard }] : []
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
