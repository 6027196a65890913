import type { Cluster } from './cluster.ts'
import { bestTarget, hasRoom, mayLive, type Room } from './fit.ts'
import { isRoomy } from './headroom.ts'
import { roomOf } from './relieve.ts'
import type { Work } from './work.ts'

/** Nodes tried in vain before the search for one more node to empty ends. */
const TRIES = 4
/** The same when many are emptied at once, where one that fails says less about the next. */
const BULK_TRIES = 64
/** Nodes looked through for a gap before a tenant is dealt to the next untouched one. */
const GAP_WINDOW = 32
/** Nodes considered as new homes at once, and the share of room that makes one worth considering. */
const SHORTLIST = 96
const LEAST_SPARE = 0.1
/** Emptying at once pays when fewer than this share of the nodes would do. */
const BULK_SHARE = 0.8

/** Empties nodes and puts them to standby, each all or nothing. */
export function consolidate(work: Work): void {
  const candidates = emptiable(work.c)
  if (candidates.length === 0) return
  inBulk(work, candidates)
  oneByOne(work)
}

/** Nodes that hold tenants, may sleep, and whose tenants may all be moved. */
function emptiable(c: Cluster): number[] {
  const nodes: number[] = []
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.up[node] === 0 || c.maySleep[node] === 0 || c.nodeCount[node] === 0) continue
    if (c.allFree(node)) nodes.push(node)
  }
  return nodes
}

/**
 * Many nodes at once: choose which stay, then deal the tenants of the others to them, the unsteadiest
 * first, so that these share nodes and the steady ones can be packed close.
 */
function inBulk(work: Work, candidates: number[]): void {
  const { c } = work
  const open = work.openNodes()
  if (fluidShare(c, open) > BULK_SHARE) return
  const order = c.byUnsteadiness().filter((tenant) => c.home[tenant]! >= 0 && c.open[c.home[tenant]!] === 1)
  const kept = chooseKept(work, open, new Set(candidates), order)
  if (kept.length > BULK_SHARE * open.length) return
  const stays = new Set(kept)
  const leaving = order.filter((tenant) => !stays.has(c.home[tenant]!))
  const targets = deal(c, leaving, kept, roomOf(work))
  const emptied = candidates.filter((node) => !stays.has(node))
  emptied.sort((a, b) => c.nodeCount[a]! - c.nodeCount[b]! || a - b)
  let failures = 0
  for (const node of emptied) {
    if (failures === BULK_TRIES) return
    failures = emptyInto(work, node, (tenant) => targets.get(tenant) ?? -1) ? 0 : failures + 1
  }
}

/** Share of the open capacity that would do if tenants could be poured. */
function fluidShare(c: Cluster, open: readonly number[]): number {
  let mean = 0
  let capacity = 0
  for (const node of open) {
    mean += c.nodeMean[node]!
    capacity += c.capacity[node]!
  }
  return capacity === 0 ? 1 : mean / (c.settings.packLoad * capacity)
}

/** The nodes to keep: those that cannot be emptied, then the cheapest, then those with the most tenants. */
function chooseKept(work: Work, open: number[], candidates: ReadonlySet<number>, order: number[]): number[] {
  const { c, objective } = work
  const prices = Float64Array.from(c.capacity, (_, node) => objective.fullPrice(node))
  const rank = [...open].sort(
    (a, b) =>
      Number(candidates.has(a)) - Number(candidates.has(b)) ||
      prices[a]! - prices[b]! ||
      c.nodeCount[b]! - c.nodeCount[a]! ||
      c.nodeMean[b]! - c.nodeMean[a]! ||
      a - b,
  )
  const { packLoad, z } = c.settings
  let filled = 0
  let mean = 0
  let variance = 0
  for (const tenant of order) {
    const room = packLoad * c.capacity[rank[Math.min(filled, rank.length - 1)]!]!
    if (mean + c.mean[tenant]! + z * Math.sqrt(variance + c.variance[tenant]!) > room) {
      filled++
      mean = 0
      variance = 0
    }
    mean += c.mean[tenant]!
    variance += c.variance[tenant]!
  }
  const pinned = open.length - candidates.size
  return rank.slice(0, Math.max(pinned, filled + 1 + Math.ceil(c.settings.headroomNodes)))
}

/** Deals tenants to nodes in order, into a gap of one of the last nodes where there is one. */
function deal(c: Cluster, tenants: number[], kept: number[], room: Room): Map<number, number> {
  const targets = new Map<number, number>()
  const homes = new Map<number, number>()
  const nodes = [...kept].sort((a, b) => c.nodeVariance[b]! - c.nodeVariance[a]! || a - b)
  const fits = (tenant: number, at: number) =>
    hasRoom(c, tenant, nodes[at]!, room) && mayLive(c, tenant, nodes[at]!)
  let touched = 0
  for (const tenant of tenants) {
    let at = Math.max(0, touched - GAP_WINDOW)
    while (at < nodes.length && !fits(tenant, at)) at++
    if (at === nodes.length) continue
    touched = Math.max(touched, at)
    const node = nodes[at]!
    homes.set(tenant, c.home[tenant]!)
    c.move(tenant, node)
    targets.set(tenant, node)
  }
  for (const [tenant, home] of homes) c.move(tenant, home)
  return targets
}

/** One more node while it pays: those whose tenants are fewest and smallest are tried first. */
function oneByOne(work: Work): void {
  const { c, objective } = work
  const nodes = emptiable(c)
  const effort = Float64Array.from(
    c.nodeMean,
    (mean, node) => mean / c.capacity[node]! + c.nodeCount[node]! * EFFORT_PER_TENANT,
  )
  nodes.sort((a, b) => effort[a]! - effort[b]! || a - b)
  const room = roomOf(work)
  let targets = shortlist(work, room)
  let failures = 0
  for (const node of nodes) {
    if (failures === TRIES) return
    if (!c.allFree(node)) continue
    if (!couldFit(c, node, targets, room)) targets = shortlist(work, room)
    const from = targets
    const target = (tenant: number) => bestTarget(c, objective, tenant, from, room, node)
    if (couldFit(c, node, from, room) && emptyInto(work, node, target)) {
      targets = targets.filter((other) => other !== node)
      failures = 0
    } else failures++
  }
}

/** Where tenants of emptied nodes go: the cheapest nodes with room left, the fullest of them first. */
function shortlist(work: Work, room: Room): number[] {
  const { c, objective } = work
  const spare = (node: number) => room.packLoad * c.capacity[node]! - c.nodeFootprint[node]!
  const roomy = work.openNodes().filter((node) => spare(node) > LEAST_SPARE * c.capacity[node]!)
  const price = Float64Array.from(c.capacity, (_, node) => objective.fullPrice(node))
  roomy.sort((a, b) => price[a]! - price[b]! || spare(a) - spare(b) || a - b)
  return roomy.slice(0, SHORTLIST)
}

/** What moving one more tenant weighs against load when a node to empty is chosen. */
const EFFORT_PER_TENANT = 0.01

/** Cheap test before the search: the others' room must exceed what the node holds. */
function couldFit(c: Cluster, node: number, open: readonly number[], room: Room): boolean {
  let spare = 0
  for (const other of open) {
    if (other !== node) spare += Math.max(0, room.packLoad * c.capacity[other]! - c.nodeFootprint[other]!)
  }
  return spare >= c.nodeMean[node]!
}

/** Moves all tenants of the node and lets it sleep, or changes nothing. */
function emptyInto(work: Work, node: number, target: (tenant: number) => number): boolean {
  const { c } = work
  const mark = work.mark()
  const tenants = c.members(node)
  tenants.sort((a, b) => c.size[b]! - c.size[a]! || a - b)
  if (tenants.length > c.tenantBudget) return false
  for (const tenant of tenants) {
    const to = target(tenant)
    if (to < 0) {
      work.undo(mark)
      return false
    }
    work.move(tenant, to, 'consolidate')
  }
  work.sleep(node)
  if (work.isWorth(mark) && isRoomy(c)) {
    work.keep(mark)
    return true
  }
  work.undo(mark)
  return false
}
