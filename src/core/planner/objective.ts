import { fluidBound, loadRiskBound, type NodeClass } from './bounds.ts'
import type { Cluster } from './cluster.ts'
import { TERMS, type Term, type Terms } from './model.ts'
import { CURVE_POINTS } from './power.ts'
import type { Weights } from './settings.ts'

/** Watts of `node` at `load`, from the cluster's flat table of curves. */
export function nodeWatts(c: Cluster, node: number, load: number): number {
  const tenths = load < 0 ? 0 : load > 1 ? 10 : load * 10
  const low = tenths >= 10 ? 9 : Math.floor(tenths)
  const at = node * CURVE_POINTS + low
  const from = c.curves[at]!
  return from + (c.curves[at + 1]! - from) * (tenths - low)
}

/** Watts the node draws with a mean demand of `mean` tokens/s. */
function drawnWatts(c: Cluster, node: number, mean: number, up: boolean): number {
  if (up) return nodeWatts(c, node, mean / c.capacity[node]!)
  return c.nodes[node]!.state === 'failed' ? 0 : c.asleepWatts[node]!
}

/** Σ (criticality share of the zone)²: 1/zones when spread evenly, 1 when all in one zone. */
function concentration(c: Cluster): number {
  if (c.totalCriticality === 0) return 0
  let sum = 0
  for (const criticality of c.zoneCriticality) sum += (criticality / c.totalCriticality) ** 2
  return sum
}

/** The five terms of the placement as it stands. */
export function termsOf(c: Cluster): Terms {
  return termsOfNodes(c, c.nodes.keys())
}

/** The part of the terms that some nodes are to blame for, and the whole of the spread over zones. */
export function termsOfNodes(c: Cluster, nodes: Iterable<number>): Terms {
  let load = 0
  let energy = 0
  let cost = 0
  let carbon = 0
  let hazard = 0
  for (const node of nodes) {
    const up = c.up[node] === 1
    const watts = drawnWatts(c, node, c.nodeMean[node]!, up)
    if (up) load += loadRisk(c, c.footprint(node) / c.capacity[node]!)
    energy += watts
    cost += (watts / 1000) * c.pricePerKwh[node]! + (up ? c.feePerHour[node]! : 0)
    carbon += (watts / 1000) * c.gramsPerKwh[node]!
    hazard += c.hazard[node]! * c.nodeCriticality[node]!
  }
  const resilience = (c.totalCriticality === 0 ? 0 : hazard / c.totalCriticality) + concentration(c)
  return { load, energy, cost, carbon, resilience }
}

function loadRisk(c: Cluster, load: number): number {
  const excess = load - c.settings.riskLoad
  return excess > 0 ? excess * excess : 0
}

/**
 * What no placement undercuts, term by term, that serves as much as this one does. What a full node turns
 * away and what waits on a failed node is not served, so it is not in the bound either.
 */
export function boundsOf(c: Cluster): Terms {
  let wanted = 0
  let served = 0
  let housed = 0
  let leastHazard = Number.POSITIVE_INFINITY
  const usable: number[] = []
  for (let node = 0; node < c.nodes.length; node++) {
    housed += c.nodeCriticality[node]!
    leastHazard = Math.min(leastHazard, c.hazard[node]!)
    if (c.nodes[node]!.state !== 'failed') usable.push(node)
    if (c.up[node] === 0) continue
    wanted += c.nodeMean[node]!
    served += Math.min(c.nodeMean[node]!, c.capacity[node]!)
  }
  const share = c.totalCriticality === 0 ? 0 : Math.max(0, housed) / c.totalCriticality
  return {
    load: loadRiskBound(
      usable.map((node) => c.capacity[node]!),
      wanted,
      c.settings.riskLoad,
    ),
    energy: fluidBound(
      classes(c, usable, () => 1, false),
      served,
    ),
    cost: fluidBound(
      classes(c, usable, (node) => c.pricePerKwh[node]! / 1000, true),
      served,
    ),
    carbon: fluidBound(
      classes(c, usable, (node) => c.gramsPerKwh[node]! / 1000, false),
      served,
    ),
    resilience: share === 0 ? 0 : leastHazard * share + share ** 2 / c.zoneNames.length,
  }
}

/** The kinds of the nodes, each priced at `perWatt` (and its fee while it is up). */
function classes(c: Cluster, nodes: number[], perWatt: (node: number) => number, fees: boolean): NodeClass[] {
  const found = new Map<number, { count: number; node: number }>()
  for (const node of nodes) {
    const known = found.get(c.kind[node]!)
    if (known === undefined) found.set(c.kind[node]!, { count: 1, node })
    else known.count++
  }
  return [...found.values()].map(({ count, node }) => {
    const price = perWatt(node)
    const fee = fees ? c.feePerHour[node]! : 0
    const curve = c.curves.subarray(node * CURVE_POINTS, (node + 1) * CURVE_POINTS)
    return {
      count,
      capacity: c.capacity[node]!,
      asleep: c.asleepWatts[node]! * price,
      awake: Array.from(curve, (watts) => watts * price + fee),
    }
  })
}

/** Part of its own bound below which a term's room is not told from none: near the optimum J stays calm. */
const LEAST_ROOM = 0.05

/**
 * J = Σ wᵢ · (xᵢ − LBᵢ)/(baseᵢ − LBᵢ): every term runs from 0, at its lower bound, to 1, when nothing is
 * done. The divisor never falls below a small share of the bound, or a term that is as good as it can be
 * would drown the others. Kept as one price per unit of each term, so that a move is judged in O(1).
 */
export class Objective {
  readonly base: Terms
  readonly bounds: Terms
  /** J of doing nothing: the most a plan can gain. */
  readonly total: number
  readonly #price: Record<Term, number>
  readonly #c: Cluster
  /** Price of a watt and of an hour's fee on each node, all terms together. */
  readonly #perWatt: Float64Array
  readonly #perWattHeld: Float64Array
  readonly #present: Float64Array
  /** Price of a token/s of room on each node. */
  readonly #room: Float64Array

  constructor(c: Cluster, weights: Weights) {
    this.#c = c
    this.base = termsOf(c)
    this.bounds = boundsOf(c)
    let up = 0
    for (const flag of c.up) up += flag
    const least: Terms = {
      load: 0.01 * Math.max(1, up),
      energy: Math.max(1, LEAST_ROOM * this.bounds.energy),
      cost: Math.max(1e-6, LEAST_ROOM * this.bounds.cost),
      carbon: Math.max(1e-3, LEAST_ROOM * this.bounds.carbon),
      resilience: LEAST_ROOM,
    }
    this.#price = { load: 0, energy: 0, cost: 0, carbon: 0, resilience: 0 }
    for (const term of TERMS) {
      this.#price[term] = weights[term] / Math.max(least[term], this.base[term] - this.bounds[term])
    }
    this.total = this.score(this.base)
    const { energy, cost, carbon } = this.#price
    this.#perWattHeld = Float64Array.from(
      c.nodes,
      (_, node) => (cost * c.pricePerKwh[node]! + carbon * c.gramsPerKwh[node]!) / 1000,
    )
    this.#perWatt = this.#perWattHeld.map((held) => energy + held)
    this.#present = new Float64Array(c.nodes.length)
    this.#room = this.#perWatt.map((price, node) => (nodeWatts(c, node, 1) * price) / c.capacity[node]!)
    c.stale.fill(1)
  }

  /** J of any terms: 0 at the bounds. */
  score(terms: Terms): number {
    let sum = 0
    for (const term of TERMS) sum += this.#price[term] * (terms[term] - this.bounds[term])
    return sum
  }

  /** What a node adds to J if it held these sums (mean and variance of demand, Σ criticality). */
  node(node: number, mean: number, variance: number, criticality: number, up: boolean): number {
    const c = this.#c
    const watts = drawnWatts(c, node, mean, up)
    let sum = watts * this.#perWatt[node]!
    if (c.totalCriticality > 0) {
      sum += (this.#price.resilience * c.hazard[node]! * criticality) / c.totalCriticality
    }
    if (!up) return sum
    const load = (mean + c.settings.z * Math.sqrt(Math.max(0, variance))) / c.capacity[node]!
    return sum + this.#price.load * loadRisk(c, load) + this.#price.cost * c.feePerHour[node]!
  }

  /** What the node adds to J now. */
  present(node: number): number {
    const c = this.#c
    if (c.stale[node] === 1) {
      const up = c.up[node] === 1
      const { nodeMean, nodeVariance, nodeCriticality } = c
      this.#present[node] = this.node(node, nodeMean[node]!, nodeVariance[node]!, nodeCriticality[node]!, up)
      c.stale[node] = 0
    }
    return this.#present[node]!
  }

  /** What the placement's spread over zones adds to J. */
  spread(): number {
    return this.#price.resilience * concentration(this.#c)
  }

  /** Change of J by the zones alone when `criticality` goes from one zone to another. */
  spreadChange(criticality: number, from: number, to: number): number {
    const { totalCriticality, zoneCriticality } = this.#c
    if (from === to || totalCriticality === 0 || criticality === 0) return 0
    const change = 2 * criticality * (zoneCriticality[to]! - zoneCriticality[from]! + criticality)
    return (this.#price.resilience * change) / totalCriticality ** 2
  }

  /** Price, in J, of a token/s of room on the node: the watts it stands for at full load. */
  room(node: number): number {
    return this.#room[node]!
  }

  /** J of the node per token/s when it is full: cheap nodes are filled first. */
  fullPrice(node: number): number {
    const c = this.#c
    return (
      (nodeWatts(c, node, 1) * this.#perWatt[node]! + this.#price.cost * c.feePerHour[node]!) /
      c.capacity[node]!
    )
  }

  /** The part of `present` that lasts only as long as today's price and carbon. */
  presentHeld(node: number): number {
    const c = this.#c
    return drawnWatts(c, node, c.nodeMean[node]!, c.up[node] === 1) * this.#perWattHeld[node]!
  }
}
