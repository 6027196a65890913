import type { Cluster } from './cluster.ts'
import type { Objective } from './objective.ts'

/** How full a target may get. */
export interface Room {
  /** Largest share of the capacity that mean + z deviations may take. */
  readonly packLoad: number
  /** Largest share of the capacity the last measured demand may take. */
  readonly demandLoad: number
}

/** Rounding allowed when sums of many floats are held against a capacity, relative. */
const SLACK = 1 + 1e-9

/** The constraints that are never traded: capacity, zones, anti-affinity, pins, cordons, failed pairs. */
export function mayLive(c: Cluster, tenant: number, node: number): boolean {
  if (c.open[node] === 0) return false
  if (c.nodeBase[node]! + c.base[tenant]! > c.capacity[node]! * SLACK) return false
  if (c.bound[tenant] === 0) return true
  const { zones, pin } = c.tenants[tenant]!
  if (zones.length > 0 && !zones.includes(c.nodes[node]!.zone)) return false
  if (pin !== null && pin !== c.nodes[node]!.id) return false
  return !c.groupTaken(tenant, node) && !c.backedOff(tenant, node)
}

/** Whether the tenant's present home breaks a constraint. */
export function mustLeave(c: Cluster, tenant: number): boolean {
  if (c.bound[tenant] === 0) return false
  const home = c.home[tenant]!
  const node = c.nodes[home]!
  const { zones, pin } = c.tenants[tenant]!
  if (zones.length > 0 && !zones.includes(node.zone)) return true
  if (pin !== null && pin !== node.id) return true
  return c.groupTaken(tenant, home)
}

/** Whether the node has room for the tenant, now and as forecast. */
export function hasRoom(c: Cluster, tenant: number, node: number, room: Room): boolean {
  const capacity = c.capacity[node]!
  if (c.nodeDemand[node]! + c.demand[tenant]! > room.demandLoad * capacity) return false
  if (c.nodeFootprint[node]! + c.mean[tenant]! > room.packLoad * capacity) return false
  return c.footprint(node, c.mean[tenant]!, c.variance[tenant]!) <= room.packLoad * capacity
}

/** What J changes on the target when the tenant arrives; the node is up already. */
export function arrival(c: Cluster, objective: Objective, tenant: number, node: number): number {
  const mean = c.nodeMean[node]! + c.mean[tenant]!
  const variance = c.nodeVariance[node]! + c.variance[tenant]!
  const criticality = c.nodeCriticality[node]! + c.criticality[tenant]!
  return objective.node(node, mean, variance, criticality, true) - objective.present(node)
}

/**
 * The best of `nodes` for the tenant, or −1: the least J, where room is charged at what it costs. A tenant
 * takes less room among tenants whose demand is as unsteady as its own (deviations add up as squares), so
 * the unsteady gather on few nodes and the steady ones can be packed close.
 */
export function bestTarget(
  c: Cluster,
  objective: Objective,
  tenant: number,
  nodes: readonly number[],
  room: Room,
  except = -1,
): number {
  let best = -1
  let least = Number.POSITIVE_INFINITY
  const home = c.home[tenant]!
  for (const node of nodes) {
    if (node === home || node === except) continue
    if (!hasRoom(c, tenant, node, room) || !mayLive(c, tenant, node)) continue
    const price = objective.room(node)
    const before = c.nodeFootprint[node]!
    const after = c.footprint(node, c.mean[tenant]!, c.variance[tenant]!)
    const spare = room.packLoad * c.capacity[node]! - after
    const zones = home < 0 ? 0 : objective.spreadChange(c.criticality[tenant]!, c.zone[home]!, c.zone[node]!)
    const value = arrival(c, objective, tenant, node) + zones + price * (after - before + SPARE_PRICE * spare)
    if (value < least) {
      least = value
      best = node
    }
  }
  return best
}

/** Of two nodes equally good, the fuller one: a token/s of room left over counts this much of its price. */
const SPARE_PRICE = 0.1
