import type { PlanInput, PlannerNode, PlannerTenant, Rule } from './model.ts'
import { CURVE_POINTS, type PowerSpec, powerCurve } from './power.ts'
import type { PlannerSettings } from './settings.ts'

const HOUR_MS = 3_600_000
const NEVER = Number.NEGATIVE_INFINITY

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
  readonly demand: Float64Array
  readonly criticality: Float64Array
  /** Tenants that must stay: pinned and at home, moved a moment ago, or not to be moved by the planner. */
  readonly held: Uint8Array
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
  totalCriticality = 0
  totalDisruption = 0
  signalsHoldMs = Number.POSITIVE_INFINITY
  tenantBudget: number
  nodeBudget: number

  readonly #groups = new Map<string, number>()
  readonly #members: number[][]
  #order: number[] | null = null
  /** Nodes each tenant is kept from for a while, because moving there has failed. */
  readonly #resting = new Map<number, Set<number>>()

  constructor(input: PlanInput, settings: PlannerSettings) {
    this.nowMs = input.nowMs
    this.settings = settings
    this.nodes = [...input.nodes].sort(byId)
    this.tenants = [...input.tenants].sort(byId)
    this.nodeIndex = new Map(this.nodes.map((node, index) => [node.id, index]))
    this.zoneNames = [...new Set(this.nodes.map((node) => node.zone))].sort()
    const count = this.nodes.length
    const floats = () => new Float64Array(count)
    const of = (read: (node: PlannerNode) => number) => column(this.nodes, read)
    const ofTenants = (read: (tenant: PlannerTenant) => number) => column(this.tenants, read)
    const signal = (node: PlannerNode) => input.signals[node.zone]
    this.capacity = of((node) => node.capacity)
    this.zone = Int32Array.from(this.nodes, (node) => this.zoneNames.indexOf(node.zone))
    this.curves = new Float64Array(count * CURVE_POINTS)
    for (const [index, node] of this.nodes.entries())
      this.curves.set(powerCurve(node.power), index * CURVE_POINTS)
    this.asleepWatts = of((node) => Math.min(node.standbyWatts, node.deepOffWatts ?? node.standbyWatts))
    this.pricePerKwh = of((node) => signal(node)?.pricePerKwh ?? 0)
    this.gramsPerKwh = of((node) => signal(node)?.gramsPerKwh ?? 0)
    this.feePerHour = of((node) => node.feePerHour)
    this.hazard = of((node) => node.hazard)
    this.kind = kindsOf(this.nodes)
    this.up = Uint8Array.from(this.nodes, ({ state }) => (state === 'standby' || state === 'failed' ? 0 : 1))
    this.open = Uint8Array.from(this.nodes, ({ state }) => (state === 'active' || state === 'waking' ? 1 : 0))
    this.maySleep = Uint8Array.from(this.nodes, (node) => (this.#restless(node, input) ? 0 : 1))

    this.mayWake = Uint8Array.from(this.nodes, ({ id, state }) => {
      const asleepSince = input.memory.nodes[id]?.asleepSinceMs ?? NEVER
      return state === 'standby' && input.nowMs > asleepSince ? 1 : 0
    })

    this.home = Int32Array.from(this.tenants, ({ node }) =>
      node === null ? -1 : (this.nodeIndex.get(node) ?? -1),
    )
    this.base = ofTenants((tenant) => tenant.base)
    this.mean = ofTenants((tenant) => tenant.mean)
    this.variance = ofTenants((tenant) => tenant.variance)
    this.demand = ofTenants((tenant) => tenant.demand)
    this.criticality = ofTenants((tenant) => tenant.criticality)
    this.disruption = ofTenants((tenant) => 1 + tenant.criticality + tenant.stateBytes / 1e9)
    this.held = Uint8Array.from(this.tenants, (tenant) => (this.#isHeld(tenant, input) ? 1 : 0))
    this.#rest(input)
    this.nodeBase = floats()
    this.nodeMean = floats()
    this.nodeVariance = floats()
    this.nodeDemand = floats()
    this.nodeCriticality = floats()
    this.nodeCount = new Int32Array(count)
    this.nodeFootprint = floats()
    this.stale = new Uint8Array(count)
    this.zoneCriticality = new Float64Array(this.zoneNames.length)
    this.#members = Array.from({ length: count }, () => [])
    for (const zone of this.zoneNames) {
      this.signalsHoldMs = Math.min(
        this.signalsHoldMs,
        input.signals[zone]?.holdsUntilMs ?? this.signalsHoldMs,
      )
    }
    const recent = (times: readonly number[]) => times.filter((at) => at > input.nowMs - HOUR_MS).length
    this.tenantBudget =
      Math.ceil(settings.tenantsPerHour * this.tenants.length) - recent(input.memory.recentMovesMs)
    this.nodeBudget = Math.ceil(settings.nodesPerHour * count) - recent(input.memory.recentNodeChangesMs)
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
    this.totalCriticality = 0
    this.totalDisruption = 0
    for (const members of this.#members) members.length = 0
    for (let tenant = 0; tenant < this.tenants.length; tenant++) {
      this.totalCriticality += this.criticality[tenant]!
      this.totalDisruption += this.disruption[tenant]!
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
    if (this.#order === null) {
      const floor = 1e-3 * this.capacity.reduce((most, capacity) => Math.max(most, capacity), 0)
      const unsteady = this.variance.map((variance, tenant) => variance / (this.mean[tenant]! + floor))
      this.#order = Array.from(unsteady.keys()).sort((a, b) => unsteady[b]! - unsteady[a]! || a - b)
    }
    return this.#order
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
    const { group } = this.tenants[tenant]!
    if (group === null) return false
    const own = this.home[tenant] === node ? 1 : 0
    return (this.#groups.get(`${node} ${group}`) ?? 0) > own
  }

  /** Whether a failed attempt forbids this pair for now. */
  backedOff(tenant: number, node: number): boolean {
    return this.#resting.get(tenant)?.has(node) ?? false
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
    const { group } = this.tenants[tenant]!
    if (group === null) return
    const key = `${node} ${group}`
    this.#groups.set(key, (this.#groups.get(key) ?? 0) + sign)
  }

  #rest(input: PlanInput): void {
    const failures = Object.entries(input.memory.failures)
    if (failures.length === 0) return
    const tenantIndex = new Map(this.tenants.map(({ id }, index) => [id, index]))
    for (const [key, { count, atMs }] of failures) {
      if (input.nowMs >= atMs + this.settings.backOffMs * 2 ** Math.min(10, count - 1)) continue
      const [tenant, node] = key.split(' ')
      const index = tenantIndex.get(tenant!)
      const target = this.nodeIndex.get(node!)
      if (index === undefined || target === undefined) continue
      const nodes = this.#resting.get(index) ?? new Set()
      this.#resting.set(index, nodes.add(target))
    }
  }

  #isHeld(tenant: PlannerTenant, input: PlanInput): boolean {
    const movedAt = input.memory.movedAtMs[tenant.id] ?? NEVER
    const settled = tenant.pin !== null && tenant.pin === tenant.node
    return (
      settled || tenant.automatic === false || input.nowMs - movedAt < Math.max(1, this.settings.minStayMs)
    )
  }

  #restless(node: PlannerNode, input: PlanInput): boolean {
    const memory = input.memory.nodes[node.id]
    const upFor = input.nowMs - (memory?.upSinceMs ?? NEVER)
    if (node.state !== 'active' || upFor < Math.max(1, this.settings.minUpMs)) return true
    const below = memory?.belowSinceMs
    if (below === null) return true
    return below !== undefined && input.nowMs - below < this.settings.sleepAfterMs
  }
}

function column<T>(rows: readonly T[], read: (row: T) => number): Float64Array {
  const values = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) values[i] = read(rows[i]!)
  return values
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function kindsOf(nodes: readonly PlannerNode[]): Int32Array {
  const curves = new Map<PowerSpec, string>()
  const kinds = new Map<string, number>()
  return Int32Array.from(nodes, ({ power, capacity, zone, feePerHour, standbyWatts, deepOffWatts }) => {
    const curve = curves.get(power) ?? powerCurve(power).join()
    curves.set(power, curve)
    const key = `${capacity} ${feePerHour} ${standbyWatts} ${deepOffWatts} ${curve} ${zone}`
    const kind = kinds.get(key) ?? kinds.size
    kinds.set(key, kind)
    return kind
  })
}
