import type { Facts } from './facts.ts'
import type { PlannerNode, PlannerTenant, Rule } from './model.ts'
import type { PlannerSettings } from './settings.ts'

/** A step of the working plan, in indices. */
export interface Step {
  readonly tenant: number
  readonly from: number
  readonly to: number
  readonly rule: Rule
  readonly bundle: number
}

/**
 * The placement a plan is worked out on: typed arrays, indexed by rank of id, so that the order of the input
 * does not matter and every tie falls to the lower id. A move is O(1).
 */
export class Cluster {
  readonly nowMs: number
  readonly settings: PlannerSettings
  readonly nodes: readonly PlannerNode[]
  readonly tenants: readonly PlannerTenant[]
  readonly nodeIndex: ReadonlyMap<string, number>
  readonly zoneNames: readonly string[]

  readonly home: Int32Array
  readonly base: Float64Array
  readonly mean: Float64Array
  readonly variance: Float64Array
  /** Mean + z standard deviations of each tenant alone. */
  readonly size: Float64Array
  readonly demand: Float64Array
  readonly criticality: Float64Array
  /** Tenants that must stay: pinned and at home, moved a moment ago, or not to be moved by the planner. */
  readonly held: Uint8Array
  /** 0: zones, pins, groups and failed pairs say nothing of the tenant. */
  readonly bound: Uint8Array
  readonly disruption: Float64Array

  readonly capacity: Float64Array
  readonly zone: Int32Array
  readonly curves: Float64Array
  readonly asleepWatts: Float64Array
  readonly pricePerKwh: Float64Array
  readonly gramsPerKwh: Float64Array
  readonly feePerHour: Float64Array
  readonly hazard: Float64Array
  /** Nodes of one kind (capacity, power, zone, fee) are alike in everything but their tenants. */
  readonly kind: Int32Array
  /** 1: draws power and may serve. */
  readonly up: Uint8Array
  /** 1: may be given tenants. */
  readonly open: Uint8Array
  /** 1: may be put to standby by the stability rules. */
  readonly maySleep: Uint8Array
  /** 1: asleep, and not since this very moment. */
  readonly mayWake: Uint8Array

  readonly nodeBase: Float64Array
  readonly nodeMean: Float64Array
  readonly nodeVariance: Float64Array
  readonly nodeDemand: Float64Array
  readonly nodeCriticality: Float64Array
  readonly nodeCount: Int32Array
  /** Mean + z deviations of each node, kept with its sums. */
  readonly nodeFootprint: Float64Array
  /** 1: the node has changed since an objective last judged it. */
  readonly stale: Uint8Array
  readonly zoneCriticality: Float64Array
  /** Sums over all tenants, wherever they are. */
  readonly totalCriticality: number
  readonly totalDisruption: number
  readonly totalMean: number
  readonly totalDemand: number
  readonly totalVariance: number
  readonly signalsHoldMs: number
  tenantBudget: number
  nodeBudget: number

  readonly #facts: Facts
  /** Tenants of each group on each node: key node × groups + group. */
  readonly #groups = new Map<number, number>()
  readonly #members: number[][]

  constructor(facts: Facts) {
    this.#facts = facts
    this.nowMs = facts.nowMs
    this.settings = facts.settings
    this.nodes = facts.nodes
    this.tenants = facts.tenants
    this.nodeIndex = facts.nodeIndex
    this.zoneNames = facts.zoneNames
    this.base = facts.base
    this.mean = facts.mean
    this.variance = facts.variance
    this.size = facts.size
    this.demand = facts.demand
    this.criticality = facts.criticality
    this.disruption = facts.disruption
    this.bound = facts.bound
    this.capacity = facts.capacity
    this.zone = facts.zone
    this.curves = facts.curves
    this.asleepWatts = facts.asleepWatts
    this.pricePerKwh = facts.pricePerKwh
    this.gramsPerKwh = facts.gramsPerKwh
    this.feePerHour = facts.feePerHour
    this.hazard = facts.hazard
    this.kind = facts.kind
    this.signalsHoldMs = facts.signalsHoldMs
    this.totalCriticality = facts.totalCriticality
    this.totalDisruption = facts.totalDisruption
    this.totalMean = facts.totalMean
    this.totalDemand = facts.totalDemand
    this.totalVariance = facts.totalVariance
    this.home = facts.home.slice()
    this.held = facts.held.slice()
    this.up = facts.up.slice()
    this.open = facts.open.slice()
    this.maySleep = facts.maySleep.slice()
    this.mayWake = facts.mayWake.slice()
    this.tenantBudget = facts.tenantBudget
    this.nodeBudget = facts.nodeBudget
    const count = this.nodes.length
    this.nodeBase = new Float64Array(count)
    this.nodeMean = new Float64Array(count)
    this.nodeVariance = new Float64Array(count)
    this.nodeDemand = new Float64Array(count)
    this.nodeCriticality = new Float64Array(count)
    this.nodeCount = new Int32Array(count)
    this.nodeFootprint = new Float64Array(count)
    this.stale = new Uint8Array(count)
    this.zoneCriticality = new Float64Array(this.zoneNames.length)
    this.#members = Array.from({ length: count }, () => [])
    this.rebuild()
  }

  /** Sums everything anew, so that a placement reached by moves is judged exactly as one that was given. */
  rebuild(): void {
    for (const sums of [
      this.nodeBase,
      this.nodeMean,
      this.nodeVariance,
      this.nodeDemand,
      this.nodeCriticality,
    ]) {
      sums.fill(0)
    }
    this.nodeCount.fill(0)
    this.nodeFootprint.fill(0)
    this.zoneCriticality.fill(0)
    this.#groups.clear()
    for (const members of this.#members) members.length = 0
    for (let tenant = 0; tenant < this.tenants.length; tenant++) {
      const node = this.home[tenant]!
      if (node >= 0) this.#settle(tenant, node)
    }
  }

  /** Tenants on `node`, lowest id first. */
  members(node: number): number[] {
    return [...this.#members[node]!].sort((a, b) => a - b)
  }

  /** All tenants, those whose demand varies most for its size first. */
  byUnsteadiness(): readonly number[] {
    return this.#facts.byUnsteadiness()
  }

  /** Whether every tenant of the node may be moved. */
  allFree(node: number): boolean {
    for (const tenant of this.#members[node]!) if (this.held[tenant] === 1) return false
    return true
  }

  /** Puts a tenant on a node (−1: on none). Constraints are the caller's business. */
  move(tenant: number, to: number): void {
    const from = this.home[tenant]!
    if (from >= 0) this.#leave(tenant, from)
    this.home[tenant] = to
    if (to >= 0) this.#settle(tenant, to)
  }

  /** Mean + z standard deviations of the node's demand, tokens/s, with `mean` and `variance` added. */
  footprint(node: number, mean = 0, variance = 0): number {
    const spread = Math.max(0, this.nodeVariance[node]! + variance)
    return this.nodeMean[node]! + mean + this.settings.z * Math.sqrt(spread)
  }

  /** Whether another tenant of its group lives on the node. */
  groupTaken(tenant: number, node: number): boolean {
    const group = this.#facts.group[tenant]!
    if (group < 0) return false
    const own = this.home[tenant] === node ? 1 : 0
    return (this.#groups.get(node * this.#facts.groupCount + group) ?? 0) > own
  }

  /** Whether a failed attempt forbids this pair for now. */
  backedOff(tenant: number, node: number): boolean {
    return this.#facts.resting.get(tenant)?.has(node) ?? false
  }

  #settle(tenant: number, node: number): void {
    this.#add(tenant, node, 1)
    this.#members[node]!.push(tenant)
  }

  #leave(tenant: number, node: number): void {
    this.#add(tenant, node, -1)
    const members = this.#members[node]!
    const at = members.lastIndexOf(tenant)
    members[at] = members.at(-1)!
    members.pop()
  }

  #add(tenant: number, node: number, sign: 1 | -1): void {
    this.nodeBase[node] = this.nodeBase[node]! + sign * this.base[tenant]!
    this.nodeMean[node] = this.nodeMean[node]! + sign * this.mean[tenant]!
    this.nodeVariance[node] = this.nodeVariance[node]! + sign * this.variance[tenant]!
    this.nodeDemand[node] = this.nodeDemand[node]! + sign * this.demand[tenant]!
    this.nodeCriticality[node] = this.nodeCriticality[node]! + sign * this.criticality[tenant]!
    this.nodeCount[node] = this.nodeCount[node]! + sign
    this.nodeFootprint[node] = this.footprint(node)
    this.stale[node] = 1
    const zone = this.zone[node]!
    this.zoneCriticality[zone] = this.zoneCriticality[zone]! + sign * this.criticality[tenant]!
    const group = this.#facts.group[tenant]!
    if (group < 0) return
    const key = node * this.#facts.groupCount + group
    this.#groups.set(key, (this.#groups.get(key) ?? 0) + sign)
  }
}
