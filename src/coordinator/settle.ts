import { toTokens } from '../core/amount.ts'
import type { NodeHealth } from '../core/health.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, TenantRow, Trouble } from './coordinator-store.ts'
import { record } from './journal.ts'
import { MoveStore } from './move-store.ts'
import { chooseRoom, fitsInPlace, freeText, type Need, type Room } from './placing.ts'

/** Tenants looked at in one transaction. */
export const SETTLE_BATCH = 1_000

/** How tenants are settled. */
export interface SettleOptions {
  readonly limit?: number
  /** Only these tenants, when somebody waits for them. */
  readonly only?: readonly string[]
  /** Nodes that get no new tenants, with the reason. */
  readonly avoid?: ReadonlyMap<string, string>
}

const NOTHING: ReadonlyMap<string, string> = new Map()

/**
 * Those that give room back come first, so that a swap within one set fits; then the pinned ones, which have
 * no choice; then the large ones, which are hard to place late (first fit decreasing).
 */
const ORDER = `ORDER BY node IS NULL, node IS NULL AND pin IS NULL,
  CASE WHEN node IS NULL THEN -base_micro ELSE base_micro - reserved_micro END, name`

/**
 * One small step of the reconcile loop: looks at up to `limit` tenants that are due, gives those without a
 * node one (and a new epoch), lets the wanted settings of the others take effect where they fit, and says in
 * the row why not where they do not. Doing it again changes nothing.
 *
 * @returns how many tenants were looked at
 */
export function settleTenants(
  store: CoordinatorStore,
  nowMs: number,
  { limit = SETTLE_BATCH, avoid = NOTHING, only }: SettleOptions = {},
): number {
  return store.transaction(() => {
    const due = store.all<TenantRow>(
      `SELECT * FROM tenants WHERE due = 1 AND (?1 IS NULL OR name IN (SELECT value FROM json_each(?1)))
       ${ORDER} LIMIT ?2`,
      only === undefined ? null : JSON.stringify(only),
      limit,
    )
    if (due.length === 0) return 0
    const rooms = readRooms(store, avoid)
    const revision = store.nextRevision()
    let freed = false
    for (const row of due) {
      const before = row.reserved_micro
      const reserved = settleOne(store, row, rooms, revision, nowMs)
      freed ||= row.node !== null && reserved < before
    }
    if (freed) store.wakeTroubled()
    return due.length
  })
}

/** @returns what is reserved for the tenant afterwards */
function settleOne(
  store: CoordinatorStore,
  row: TenantRow,
  rooms: ReadonlyMap<string, Room>,
  revision: number,
  nowMs: number,
): number {
  const { spec } = JSON.parse(row.manifest) as TenantManifest
  if (row.node !== null) return refit(store, row, rooms.get(row.node), spec, revision, nowMs)
  const need: Need = {
    baseMicro: row.base_micro,
    pin: row.pin ?? undefined,
    zones: spec.zones,
    group: spec.antiAffinity,
  }
  const chosen = chooseRoom(need, rooms)
  if (!chosen.ok) {
    setTrouble(store, row, chosen.error, nowMs)
    return 0
  }
  const room = chosen.value
  room.promisedMicro += row.base_micro
  if (need.group !== undefined) room.groups.set(need.group, (room.groups.get(need.group) ?? 0) + 1)
  const epoch = row.issued_epoch + 1
  store.run(
    `UPDATE tenants SET due = 0, node = ?, epoch = ?, issued_epoch = ?, placed_ms = ?, reserved_micro = ?,
       config_generation = ?, serving = NULL, observed_generation = generation, trouble = NULL WHERE name = ?`,
    room.name,
    epoch,
    epoch,
    nowMs,
    row.base_micro,
    revision,
    row.name,
  )
  store.touchNode(room.name, revision)
  const message = `on ${room.name} at epoch ${epoch}, ${toTokens(row.base_micro)} tokens/s reserved`
  record(store, { kind: 'Tenant', name: row.name, reason: 'Placed', message }, nowMs)
  return row.base_micro
}

function refit(
  store: CoordinatorStore,
  row: TenantRow,
  room: Room | undefined,
  spec: TenantManifest['spec'],
  revision: number,
  nowMs: number,
): number {
  if (room === undefined) throw new Error(`tenant ${row.name} is on ${row.node}, which is unknown`)
  if (!fitsInPlace(row.base_micro, row.reserved_micro, room)) {
    const has = `it keeps ${toTokens(row.reserved_micro)} tokens/s and its former settings`
    const message = `needs ${toTokens(row.base_micro)} tokens/s, ${freeText(room)}; ${has} until there is room`
    setTrouble(store, row, { reason: 'DoesNotFit', message }, nowMs)
    return row.reserved_micro
  }
  room.promisedMicro += row.base_micro - row.reserved_micro
  store.run(
    `UPDATE tenants SET due = 0, reserved_micro = base_micro, config_generation = ?, serving = NULL,
       observed_generation = generation, trouble = NULL WHERE name = ?`,
    revision,
    row.name,
  )
  store.touchNode(room.name, revision)
  const elsewhere = displaced(spec, room)
  if (elsewhere !== undefined) setTrouble(store, row, elsewhere, nowMs)
  return row.base_micro
}

/** Where the tenant is served but should not be any more: only a move can help. */
function displaced(spec: TenantManifest['spec'], room: Room): Omit<Trouble, 'atMs'> | undefined {
  if (spec.node !== undefined && spec.node !== room.name) {
    return { reason: 'WrongNode', message: `is on ${room.name} and is pinned to ${spec.node}` }
  }
  if (spec.zones.length > 0 && (room.zone === undefined || !spec.zones.includes(room.zone))) {
    const message = `is on ${room.name} in zone ${room.zone ?? '(none)'}, allowed: ${spec.zones.join(', ')}`
    return { reason: 'WrongZone', message }
  }
  if (spec.antiAffinity !== undefined && (room.groups.get(spec.antiAffinity) ?? 0) > 1) {
    const message = `shares ${room.name} with another tenant of anti-affinity group ${spec.antiAffinity}`
    return { reason: 'AntiAffinity', message }
  }
  return undefined
}

const LOOKED_AT = 'UPDATE tenants SET due = 0, observed_generation = generation, trouble = ?'

function setTrouble(
  store: CoordinatorStore,
  row: TenantRow,
  { reason, message }: Omit<Trouble, 'atMs'>,
  nowMs: number,
): void {
  const old = row.trouble === null ? undefined : (JSON.parse(row.trouble) as Trouble)
  const same = old !== undefined && old.reason === reason
  if (same && old.message === message) {
    store.run(`${LOOKED_AT} WHERE name = ?`, row.trouble, row.name)
    return
  }
  const trouble: Trouble = { reason, message, atMs: same ? old.atMs : nowMs }
  store.run(`${LOOKED_AT} WHERE name = ?`, JSON.stringify(trouble), row.name)
  record(store, { kind: 'Tenant', name: row.name, type: 'warning', reason, message }, nowMs)
}

type RoomRow = {
  name: string
  zone: string | null
  capacity_micro: number
  cordoned: number
  cordon_ms: number | null
  drain_ms: number | null
  deleted_ms: number | null
  health: string | null
  /** Null: up. */
  power: string | null
}

/** Every node with what is promised on it, to its tenants and to those on their way to it, in the order of names. */
export function readRooms(
  store: CoordinatorStore,
  avoid: ReadonlyMap<string, string> = NOTHING,
): Map<string, Room> {
  const rooms = new Map<string, Room>()
  const nodes = store.all<RoomRow>(
    `SELECT name, zone, capacity_micro, cordoned, cordon_ms, drain_ms, deleted_ms, health, phase AS power
     FROM nodes LEFT JOIN power ON power.node = nodes.name ORDER BY name`,
  )
  for (const row of nodes) {
    rooms.set(row.name, {
      name: row.name,
      zone: row.zone ?? undefined,
      closed:
        closedText(row) ?? (avoid.has(row.name) ? `is to be avoided: ${avoid.get(row.name)}` : undefined),
      capacityMicro: row.capacity_micro,
      promisedMicro: 0,
      groups: new Map(),
    })
  }
  const sums = store.all<{ node: string; promised: number }>(
    'SELECT node, SUM(reserved_micro) AS promised FROM tenants WHERE node IS NOT NULL GROUP BY node',
  )
  for (const { node, promised } of sums) rooms.get(node)!.promisedMicro = promised
  for (const [node, micro] of new MoveStore(store).reservedMicro()) {
    const room = rooms.get(node)
    if (room !== undefined) room.promisedMicro += micro
  }
  const groups = store.all<{ node: string; anti_affinity: string; n: number }>(
    `SELECT node, anti_affinity, COUNT(*) AS n FROM tenants
     WHERE node IS NOT NULL AND anti_affinity IS NOT NULL GROUP BY node, anti_affinity`,
  )
  for (const { node, anti_affinity, n } of groups) rooms.get(node)!.groups.set(anti_affinity, n)
  return rooms
}

function closedText(row: RoomRow): string | undefined {
  if (row.deleted_ms !== null) return 'is being deleted'
  if (row.drain_ms !== null || row.power === 'draining') return 'is draining'
  if (row.power === 'waking') return 'is waking'
  if (row.power !== null) return 'is in standby'
  if (row.health !== null && (JSON.parse(row.health) as NodeHealth).phase === 'Failed') return 'has failed'
  return row.cordoned === 1 || row.cordon_ms !== null ? 'is cordoned' : undefined
}
