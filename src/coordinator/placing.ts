import { toTokens } from '../core/amount.ts'
import { err, ok, type Result } from '../core/result.ts'

/** A node as the placing sees it. Amounts are micro-tokens per second. */
export interface Room {
  readonly name: string
  readonly zone: string | undefined
  /** Takes no new tenants: cordoned, draining, failed or going away. The text says which. */
  readonly closed: string | undefined
  readonly capacityMicro: number
  /** Sum of what is promised to the tenants on it. */
  promisedMicro: number
  /** Anti-affinity groups that have a tenant on it, with how many. */
  readonly groups: Map<string, number>
}

/** What a tenant needs of a node. */
export interface Need {
  readonly baseMicro: number
  /** The one node it must be on. */
  readonly pin: string | undefined
  /** The zones it may be in; empty: any. */
  readonly zones: readonly string[]
  /** Tenants of one group must not share a node. */
  readonly group: string | undefined
}

/** Why no node can take a tenant; the text holds the numbers and names no other tenant. */
export interface Misfit {
  readonly reason: 'NoNode' | 'NodeUnknown' | 'NodeClosed' | 'ZoneMismatch' | 'AntiAffinity' | 'DoesNotFit'
  readonly message: string
}

/**
 * The first node, in the order given, that can take the tenant: open, in its zone, without a tenant of its
 * anti-affinity group, and with its base free (the hard reservation: Σ base ≤ capacity).
 */
export function chooseRoom(need: Need, rooms: ReadonlyMap<string, Room>): Result<Room, Misfit> {
  if (need.pin !== undefined) {
    const room = rooms.get(need.pin)
    if (room === undefined) {
      return err({ reason: 'NodeUnknown', message: `is pinned to ${need.pin}, and there is no such node` })
    }
    const misfit = misfitOf(need, room)
    return misfit === undefined ? ok(room) : err(misfit)
  }
  const seen = new Map<Misfit['reason'], number>()
  let most: Room | undefined
  for (const room of rooms.values()) {
    const misfit = misfitOf(need, room)
    if (misfit === undefined) return ok(room)
    seen.set(misfit.reason, (seen.get(misfit.reason) ?? 0) + 1)
    if (misfit.reason === 'DoesNotFit' && (most === undefined || freeMicro(room) > freeMicro(most))) {
      most = room
    }
  }
  return err(summary(need, rooms.size, seen, most))
}

/** Whether an enlarged base fits on the node the tenant is on already. */
export function fitsInPlace(needMicro: number, reservedMicro: number, room: Room): boolean {
  return needMicro <= reservedMicro || room.promisedMicro - reservedMicro + needMicro <= room.capacityMicro
}

/** Why one node cannot take the tenant; undefined if it can. */
export function misfitOf(need: Need, room: Room): Misfit | undefined {
  if (room.closed !== undefined) return { reason: 'NodeClosed', message: `${room.name} ${room.closed}` }
  if (need.zones.length > 0 && (room.zone === undefined || !need.zones.includes(room.zone))) {
    const where = room.zone === undefined ? 'has no zone' : `is in zone ${room.zone}`
    return { reason: 'ZoneMismatch', message: `${room.name} ${where}, allowed: ${need.zones.join(', ')}` }
  }
  if (need.group !== undefined && room.groups.has(need.group)) {
    return {
      reason: 'AntiAffinity',
      message: `${room.name} already has a tenant of anti-affinity group ${need.group}`,
    }
  }
  if (freeMicro(room) < need.baseMicro) {
    return { reason: 'DoesNotFit', message: `needs ${toTokens(need.baseMicro)} tokens/s, ${freeText(room)}` }
  }
  return undefined
}

/** What of the capacity is promised to nobody; below 0 after the capacity was lowered. */
export function freeMicro(room: Room): number {
  return room.capacityMicro - room.promisedMicro
}

/** `node-1 has 10 free of 160`. */
export function freeText(room: Room): string {
  const free = Math.max(0, freeMicro(room))
  return `${room.name} has ${toTokens(free)} free of ${toTokens(room.capacityMicro)}`
}

const COUNTED: Readonly<Record<string, string>> = {
  NodeClosed: 'closed (cordoned, draining or failed)',
  ZoneMismatch: 'outside its zones',
  AntiAffinity: 'with a tenant of its anti-affinity group',
  DoesNotFit: 'too full',
}

function summary(
  need: Need,
  total: number,
  seen: ReadonlyMap<string, number>,
  most: Room | undefined,
): Misfit {
  if (total === 0) return { reason: 'NoNode', message: 'there is no node yet' }
  const parts = [...seen].map(([reason, count]) => `${count} ${COUNTED[reason] ?? reason}`)
  const room = most === undefined ? '' : `; of the open ones ${freeText(most)}, the most`
  const reasons = [...seen.keys()] as Misfit['reason'][]
  return {
    reason: most !== undefined ? 'DoesNotFit' : reasons[0]!,
    message: `needs ${toTokens(need.baseMicro)} tokens/s; of ${total} nodes ${parts.join(', ')}${room}`,
  }
}
