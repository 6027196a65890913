import type { Cluster } from './cluster.ts'
import { bestTarget, hasRoom, mayLive, mustLeave, type Room } from './fit.ts'
import type { Rule } from './model.ts'
import type { Work } from './work.ts'

/** What must be done whatever it costs: homes for the homeless, broken constraints, failing nodes, overload. */
export function relieve(work: Work): void {
  const { c } = work
  const homeless: number[] = []
  const misplaced: number[] = []
  const endangered: number[] = []
  for (let tenant = 0; tenant < c.tenants.length; tenant++) {
    const home = c.home[tenant]!
    if (home < 0) homeless.push(tenant)
    else if (c.nodes[home]!.state === 'failed' || c.nodes[home]!.state === 'draining') endangered.push(tenant)
    else if (mustLeave(c, tenant) && c.tenants[tenant]!.pin !== c.nodes[home]!.id) misplaced.push(tenant)
  }
  settleAll(work, homeless, 'place')
  for (const tenant of misplaced) if (mustLeave(c, tenant)) settleAll(work, [tenant], 'constraint')
  settleAll(work, endangered, 'evacuate')
  for (let node = 0; node < c.nodes.length; node++) if (isOverloaded(work, node)) relieveNode(work, node)
}

/** The most critical first, then the largest: they find room while there is some. */
function settleAll(work: Work, tenants: number[], rule: Rule): void {
  const { c } = work
  tenants.sort((a, b) => c.criticality[b]! - c.criticality[a]! || c.mean[b]! - c.mean[a]! || a - b)
  for (const tenant of tenants) {
    const mark = work.mark()
    const node = findHome(work, tenant)
    if (node < 0) continue
    work.move(tenant, node, rule)
    work.keep(mark)
  }
}

/** A node with head-room, else one that is woken, else any that may legally hold the tenant. */
function findHome(work: Work, tenant: number): number {
  const { c, objective } = work
  const open = work.openNodes()
  const fitting = bestTarget(c, objective, tenant, open, roomOf(work))
  if (fitting >= 0) return fitting
  const woken = wakeFor(work, tenant, roomOf(work))
  if (woken >= 0) return woken
  return bestTarget(c, objective, tenant, open, ANY_ROOM)
}

const ANY_ROOM: Room = { packLoad: Number.POSITIVE_INFINITY, demandLoad: Number.POSITIVE_INFINITY }

/** How full a node may be made, as shares of its capacity. */
export function roomOf(work: Work): Room {
  return { packLoad: work.c.settings.packLoad, demandLoad: work.c.settings.packDemand }
}

/** Wakes the cheapest sleeping node that can hold the tenant; −1 when there is none. */
function wakeFor(work: Work, tenant: number, room: Room): number {
  const { c, objective } = work
  let best = -1
  let least = Number.POSITIVE_INFINITY
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.mayWake[node] === 0 || c.up[node] === 1) continue
    if (!hasRoom(c, tenant, node, room)) continue
    const price = objective.fullPrice(node)
    if (price >= least) continue
    c.open[node] = 1
    if (mayLive(c, tenant, node)) {
      best = node
      least = price
    }
    c.open[node] = 0
  }
  if (best >= 0) work.wake(best)
  return best
}

/** Asked for more than it should give, and not by a passing spike of a node that is light on average. */
function isOverloaded({ c }: Work, node: number): boolean {
  if (c.up[node] === 0 || c.nodeCount[node]! < 2) return false
  const { overloadLoad, overloadMean } = c.settings
  const capacity = c.capacity[node]!
  return c.nodeDemand[node]! > overloadLoad * capacity && c.nodeMean[node]! > overloadMean * capacity
}

/**
 * The fewest moves: one tenant that is enough, else the largest again and again. A spike of a node whose
 * forecast has room is gone at the next reading, so it is worth one move to a node that is up, and no more.
 */
function relieveNode(work: Work, node: number): void {
  const { c } = work
  const { overloadLoad, lastingLoad } = c.settings
  while (isOverloaded(work, node)) {
    const excess = c.nodeDemand[node]! - overloadLoad * c.capacity[node]!
    const lasts = c.nodeFootprint[node]! > lastingLoad * c.capacity[node]!
    const movable = c.members(node).filter((tenant) => c.held[tenant] === 0 && c.demand[tenant]! > 0)
    const enough = movable.filter((tenant) => c.demand[tenant]! >= excess)
    const burden = (tenant: number) => burdenOf(c, tenant, node)
    enough.sort((a, b) => burden(a) - burden(b) || a - b)
    const rest = lasts ? movable.filter((tenant) => c.demand[tenant]! < excess) : []
    rest.sort((a, b) => c.demand[b]! - c.demand[a]! || a - b)
    const open = work.openNodes()
    const mark = work.mark()
    const move = firstFit(work, [...enough, ...rest], open, lasts)
    if (move === null) return
    work.move(move.tenant, move.node, 'overload')
    work.keep(mark)
  }
}

/** What a move costs however little the tenant asks for, against the share of a node that it asks for. */
const FIXED_BURDEN = 0.1

/** What moving a tenant off the node costs: what is slowed while its state is sent, and that it is moved at all. */
function burdenOf(c: Cluster, tenant: number, node: number): number {
  return c.disruption[tenant]! * (FIXED_BURDEN + c.demand[tenant]! / c.capacity[node]!)
}

function firstFit(
  work: Work,
  tenants: number[],
  open: number[],
  mayWake: boolean,
): { tenant: number; node: number } | null {
  const room = roomOf(work)
  for (const tenant of tenants) {
    const node = bestTarget(work.c, work.objective, tenant, open, room)
    if (node >= 0) return { tenant, node }
  }
  if (!mayWake) return null
  for (const tenant of tenants) {
    const node = wakeFor(work, tenant, room)
    if (node >= 0) return { tenant, node }
  }
  return null
}
