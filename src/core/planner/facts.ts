import type { PlanInput, PlannerNode, PlannerTenant } from './model.ts'
import { CURVE_POINTS, type PowerSpec, powerCurve } from './power.ts'
import type { PlannerSettings } from './settings.ts'

const HOUR_MS = 3_600_000
const NEVER = Number.NEGATIVE_INFINITY

/**
 * What an input says, as typed arrays indexed by rank of id. Nothing here changes while plans are searched, so
 * the searches of all profiles share it; `home`, `held`, `up`, `open`, `maySleep` and `mayWake` say where each begins.
 */
export class Facts {
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
  /** Mean + z standard deviations. */
  readonly size: Float64Array
  readonly demand: Float64Array
  readonly criticality: Float64Array
  readonly held: Uint8Array
  readonly disruption: Float64Array
  /** Number of each tenant's anti-affinity group; -1: none. */
  readonly group: Int32Array
  readonly groupCount: number
  /** 0: of the constraints on where the tenant may live, only capacity concerns it. */
  readonly bound: Uint8Array

  readonly capacity: Float64Array
  readonly zone: Int32Array
  readonly curves: Float64Array
  readonly asleepWatts: Float64Array
  readonly pricePerKwh: Float64Array
  readonly gramsPerKwh: Float64Array
  readonly feePerHour: Float64Array
  readonly hazard: Float64Array
  readonly kind: Int32Array
  readonly up: Uint8Array
  readonly open: Uint8Array
  readonly maySleep: Uint8Array
  readonly mayWake: Uint8Array
  readonly signalsHoldMs: number
  readonly totalCriticality: number
  readonly totalDisruption: number
  readonly totalMean: number
  readonly totalDemand: number
  readonly totalVariance: number
  readonly tenantBudget: number
  readonly nodeBudget: number
  /** Nodes each tenant is kept from for a while, because moving there has failed. */
  readonly resting: ReadonlyMap<number, ReadonlySet<number>>
  #order: number[] | null = null

  constructor(input: PlanInput, settings: PlannerSettings) {
    this.nowMs = input.nowMs
    this.settings = settings
    this.nodes = [...input.nodes].sort(byId)
    this.tenants = [...input.tenants].sort(byId)
    this.nodeIndex = new Map(this.nodes.map((node, index) => [node.id, index]))
    this.zoneNames = [...new Set(this.nodes.map((node) => node.zone))].sort()
    const count = this.nodes.length
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
    this.size = this.mean.map((mean, tenant) => mean + settings.z * Math.sqrt(this.variance[tenant]!))
    this.demand = ofTenants((tenant) => tenant.demand)
    this.criticality = ofTenants((tenant) => tenant.criticality)
    this.disruption = ofTenants((tenant) => 1 + tenant.criticality + tenant.stateBytes / 1e9)
    this.totalCriticality = sum(this.criticality)
    this.totalDisruption = sum(this.disruption)
    this.totalMean = sum(this.mean)
    this.totalDemand = sum(this.demand)
    this.totalVariance = sum(this.variance)
    this.held = Uint8Array.from(this.tenants, (tenant) => (this.#isHeld(tenant, input) ? 1 : 0))
    this.resting = this.#rest(input)
    const holds = this.zoneNames.map((zone) => input.signals[zone]?.holdsUntilMs ?? Number.POSITIVE_INFINITY)
    this.signalsHoldMs = Math.min(Number.POSITIVE_INFINITY, ...holds)
    const groups = new Map<string, number>()
    this.group = Int32Array.from(this.tenants, ({ group }) => {
      if (group === null) return -1
      const known = groups.get(group) ?? groups.size
      groups.set(group, known)
      return known
    })
    this.groupCount = groups.size
    this.bound = Uint8Array.from(this.tenants, ({ zones, pin, group }, tenant) =>
      zones.length > 0 || pin !== null || group !== null || this.resting.has(tenant) ? 1 : 0,
    )
    const recent = (times: readonly number[]) => times.filter((at) => at > input.nowMs - HOUR_MS).length
    this.tenantBudget =
      Math.ceil(settings.tenantsPerHour * this.tenants.length) - recent(input.memory.recentMovesMs)
    this.nodeBudget = Math.ceil(settings.nodesPerHour * count) - recent(input.memory.recentNodeChangesMs)
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

  #rest(input: PlanInput): Map<number, Set<number>> {
    const resting = new Map<number, Set<number>>()
    const failures = Object.entries(input.memory.failures)
    if (failures.length === 0) return resting
    const tenantIndex = new Map(this.tenants.map(({ id }, index) => [id, index]))
    for (const [key, { count, atMs }] of failures) {
      if (input.nowMs >= atMs + this.settings.backOffMs * 2 ** Math.min(10, count - 1)) continue
      const [tenant, node] = key.split(' ')
      const index = tenantIndex.get(tenant!)
      const target = this.nodeIndex.get(node!)
      if (index === undefined || target === undefined) continue
      const nodes = resting.get(index) ?? new Set()
      resting.set(index, nodes.add(target))
    }
    return resting
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

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
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
