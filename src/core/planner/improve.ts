import { arrival, hasRoom, mayLive } from './fit.ts'
import { isRoomy } from './headroom.ts'
import type { Work } from './work.ts'

/** How much cheaper a sleeping node must be than one that is up before they trade places. */
const LEAST_SAVING = 0.02
/** Bounds of the search for single moves: nodes, tenants of each, targets for each. */
const DEAREST_NODES = 64
const TENANTS_EACH = 32
const TARGETS_EACH = 24
const SWEEPS = 8

/**
 * Moves the whole of a node to a sleeping one where power is cheaper or cleaner, and lets it sleep instead,
 * unless head-room is missing then.
 */
export function relocate(work: Work): void {
  const { c, objective } = work
  const asleep = wakeable(work)
  if (asleep.length === 0) return
  const trades: { node: number; saving: number }[] = []
  const cheapest = objective.fullPrice(asleep[0]!)
  for (const node of work.openNodes()) {
    if (c.maySleep[node] === 0 || c.nodeCount[node] === 0) continue
    const saving = 1 - cheapest / objective.fullPrice(node)
    if (saving > LEAST_SAVING) trades.push({ node, saving })
  }
  trades.sort((a, b) => b.saving - a.saving || a.node - b.node)
  for (const { node } of trades) {
    const target = asleep.find((other) => c.up[other] === 0 && holdsAll(work, node, other))
    if (target === undefined || objective.fullPrice(target) > (1 - LEAST_SAVING) * objective.fullPrice(node))
      continue
    const mark = work.mark()
    work.wake(target)
    for (const tenant of c.members(node)) work.move(tenant, target, 'relocate')
    work.sleep(node)
    if (work.isWorth(mark) && isRoomy(c)) work.keep(mark)
    else work.undo(mark)
  }
}

function wakeable({ c, objective }: Work): number[] {
  const nodes: number[] = []
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.up[node] === 0 && c.mayWake[node] === 1) nodes.push(node)
  }
  const prices = new Map(nodes.map((node) => [node, objective.fullPrice(node)]))
  return nodes.sort((a, b) => prices.get(a)! - prices.get(b)! || a - b)
}

function holdsAll({ c }: Work, node: number, other: number): boolean {
  const capacity = c.capacity[other]!
  if (c.footprint(node) > c.settings.packLoad * capacity) return false
  if (c.nodeDemand[node]! > c.settings.packDemand * capacity) return false
  if (c.nodeBase[node]! > capacity) return false
  c.open[other] = 1
  const all = c.members(node).every((tenant) => c.held[tenant] === 0 && mayLive(c, tenant, other))
  c.open[other] = 0
  return all
}

/** Single moves off the nodes that cost most, until a sweep finds none or has found a few times. */
export function balance(work: Work): void {
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const moves = work.steps.length
    sweepOnce(work)
    if (work.steps.length === moves) return
  }
}

function sweepOnce(work: Work): void {
  const { c, objective } = work
  const open = work.openNodes()
  const worst = c.capacity.map((capacity, node) => objective.present(node) / capacity)
  const sources = open.filter((node) => c.nodeCount[node]! > 0)
  sources.sort((a, b) => worst[b]! - worst[a]! || a - b)
  const targets = likelyTargets(work, open)
  for (const node of sources.slice(0, DEAREST_NODES)) {
    const tenants = c.members(node).filter((tenant) => c.held[tenant] === 0)
    tenants.sort((a, b) => c.mean[b]! - c.mean[a]! || a - b)
    for (const tenant of tenants.slice(0, TENANTS_EACH)) {
      const to = mostGain(work, tenant, targets)
      if (to < 0) continue
      const mark = work.mark()
      work.move(tenant, to, 'balance')
      if (work.isWorth(mark)) work.keep(mark)
      else work.undo(mark)
    }
  }
}

/** The least loaded nodes of every zone and, among all, those where a token/s is cheapest. */
function likelyTargets({ c, objective }: Work, open: number[]): number[] {
  const load = c.nodeFootprint.map((footprint, node) => footprint / c.capacity[node]!)
  const price = c.capacity.map((_, node) => objective.fullPrice(node))
  const byLoad = [...open].sort((a, b) => load[a]! - load[b]! || a - b)
  const byPrice = [...open].sort((a, b) => price[a]! - price[b]! || load[a]! - load[b]! || a - b)
  const chosen = new Set(byPrice.slice(0, TARGETS_EACH / 2))
  const perZone = Math.max(2, Math.floor(TARGETS_EACH / 2 / c.zoneNames.length))
  const seen = new Int32Array(c.zoneNames.length)
  for (const node of byLoad) {
    const zone = c.zone[node]!
    if (seen[zone]! >= perZone) continue
    seen[zone] = seen[zone]! + 1
    chosen.add(node)
  }
  return [...chosen].sort((a, b) => a - b)
}

function mostGain({ c, objective }: Work, tenant: number, targets: readonly number[]): number {
  const home = c.home[tenant]!
  const left = objective.node(
    home,
    c.nodeMean[home]! - c.mean[tenant]!,
    c.nodeVariance[home]! - c.variance[tenant]!,
    c.nodeCriticality[home]! - c.criticality[tenant]!,
    true,
  )
  const relief = objective.present(home) - left
  const room = {
    packLoad: Math.min(c.settings.packLoad, c.settings.riskLoad),
    demandLoad: c.settings.packDemand,
  }
  let best = -1
  let most = 0
  for (const node of targets) {
    if (node === home) continue
    const zones = objective.spreadChange(c.criticality[tenant]!, c.zone[home]!, c.zone[node]!)
    const gain = relief - arrival(c, objective, tenant, node) - zones
    if (gain > most && hasRoom(c, tenant, node, room) && mayLive(c, tenant, node)) {
      best = node
      most = gain
    }
  }
  return best
}
