import { openMigration } from '../../../src/core/migration/placement.ts'
import { COUNTED } from '../faults/model.ts'
import { Violation } from '../faults/tally.ts'
import { addCounts, noCounts } from './heard.ts'
import type { ClusterWorld } from './world.ts'

/** Tombstones are gone after so long, ms: two hours, and what clocks were set back by. */
const TOMBSTONES_MS = 6 * 3_600_000

/** What is not at rest yet, or not as it must be at rest; undefined for nothing. */
export function checkRest(world: ClusterWorld): string | undefined {
  return checkPlacements(world) ?? checkNodes(world) ?? checkEdges(world) ?? checkUsage(world)
}

/** Every migration has ended, nobody is left to be told anything, every node has its configuration. */
function checkPlacements({ coordinator }: ClusterWorld): string | undefined {
  const { state } = coordinator
  if (state === undefined) return 'the coordinator is down'
  for (const { name, placement } of state.tenants.values()) {
    const open = openMigration(placement)
    if (open !== null) return `the migration ${name}:${open.epoch} is in ${open.phase}`
    if (placement.ownerPassedOver) return `${name} has no node`
    if (placement.strays.length > 0) return `${placement.strays[0]!.node} still holds an account of ${name}`
    if (placement.baselines.length > 0) return `a baseline of ${name} is left over`
  }
  if (state.bookings.size > 0) return 'something that was handed in is not booked yet'
  for (const { name, acked, generation } of state.nodes.values()) {
    if (acked < generation) return `${name} has not confirmed its configuration`
  }
  return undefined
}

/** Each tenant has one account, where the coordinator says; elsewhere only tombstones. */
function checkNodes({ coordinator, nodes }: ClusterWorld): string | undefined {
  for (const node of nodes.values()) {
    if (node.running === undefined) return `${node.name} is down`
  }
  for (const { name, placement } of coordinator.state!.tenants.values()) {
    for (const node of nodes.values()) {
      const row = node.running!.places.get(name)?.row
      const account = node.running!.life.sessions.account(name)
      if (node.name === placement.owner) {
        if (row?.role !== 'active' || row.epoch !== placement.epoch)
          return `${name} is not ACTIVE on ${node.name}`
        if (account === undefined) return `${name} has no account on ${node.name}`
      } else if (account !== undefined || (row !== undefined && row.role !== 'gone')) {
        return `${name} has left a ${row?.role ?? 'account without a row'} on ${node.name}`
      }
    }
  }
  return undefined
}

function checkEdges({ isolates }: ClusterWorld): string | undefined {
  for (const isolate of isolates) {
    if (isolate === undefined) return 'an isolate is down'
    if (!isolate.isQuiet) return `${isolate.id} still waits for an answer`
    for (const lease of isolate.leases()) {
      if (lease.hasNews) return `${isolate.id} has not told what ${lease.tenant} used`
    }
  }
  return undefined
}

/** What the owners have booked is what the edges counted: exactly, for isolates that live; never more than there was. */
function checkUsage(world: ClusterWorld): string | undefined {
  const { coordinator, nodes, isolates, gone, model } = world
  for (const { running } of nodes.values()) model.checkAll(running!)
  for (const { name, placement } of coordinator.state!.tenants.values()) {
    const heard = nodes.get(placement.owner!)!.running!.heard.get(name)!
    const most = noCounts()
    for (const isolate of [...gone, ...isolates]) {
      const counts = isolate!.countsOf(name)
      addCounts(most, counts)
      if (!isolate!.alive) continue
      const known = heard.sum(isolate!.id)
      for (const counter of COUNTED) {
        if (known[counter] === counts[counter]) continue
        return `${isolate!.id}, ${name}: ${counter} is ${counts[counter]}, the node knows ${known[counter]}`
      }
    }
    const booked = heard.sum()
    for (const counter of COUNTED) {
      if (booked[counter] > most[counter]) {
        return `${name}: ${booked[counter]} ${counter} booked, there were ${most[counter]}`
      }
    }
  }
  return undefined
}

/** Hours later the next configuration finds the tombstones expired. */
export function sweepTombstones(world: ClusterWorld): void {
  const { coordinator, nodes, events, plan } = world
  for (const node of nodes.values()) node.clock.step(TOMBSTONES_MS)
  coordinator.reconfigure()
  events.runUntil(events.nowMs + 20 * plan.roundMs)
  const unrest = checkRest(world)
  if (unrest !== undefined) throw new Violation('rest', events.nowMs, unrest)
  for (const { name } of plan.tenants) {
    for (const node of nodes.values()) {
      const row = node.running!.places.get(name)?.row
      if (row !== undefined && row.role !== 'active') {
        throw new Violation('tombstones', events.nowMs, `${node.name} keeps a ${row.role} of ${name}`)
      }
    }
  }
}
