import fc from 'fast-check'
import {
  EMPTY_MEMORY,
  type PlanInput,
  type PlannerNode,
  type PlannerTenant,
} from '../../../src/core/planner/model.ts'
import {
  DEFAULT_SETTINGS,
  type PlannerSettings,
  type ProfileName,
} from '../../../src/core/planner/settings.ts'

export const NOW_MS = 1_900_000_000_000

export const aNode = (id: string, change: Partial<PlannerNode> = {}): PlannerNode => ({
  id,
  capacity: 100,
  zone: 'z1',
  feePerHour: 0.1,
  power: { idleWatts: 100, peakWatts: 200 },
  standbyWatts: 5,
  deepOffWatts: null,
  wakeMs: 60_000,
  hazard: 0.01,
  state: 'active',
  ...change,
})

export const aTenant = (
  id: string,
  node: string | null,
  change: Partial<PlannerTenant> = {},
): PlannerTenant => {
  const mean = change.mean ?? 10
  return {
    id,
    node,
    base: 5,
    demand: mean,
    mean,
    variance: 0,
    criticality: 0.5,
    zones: [],
    group: null,
    pin: null,
    stateBytes: 1e6,
    ...change,
  }
}

export const anInput = (
  nodes: readonly PlannerNode[],
  tenants: readonly PlannerTenant[],
  change: Partial<PlanInput> = {},
): PlanInput => ({ nowMs: NOW_MS, nodes, tenants, signals: {}, memory: EMPTY_MEMORY, ...change })

/** Settings without the waits and budgets, for tests of what comes after them. */
export const EAGER: PlannerSettings = { ...DEFAULT_SETTINGS, nodesPerHour: 1, tenantsPerHour: 1 }

const ZONES = ['z1', 'z2', 'z3']
const zone = fc.constantFrom(...ZONES)
const unit = fc.double({ min: 0, max: 1, noNaN: true })
const state = fc.oneof(
  { weight: 8, arbitrary: fc.constant('active' as const) },
  { weight: 3, arbitrary: fc.constant('standby' as const) },
  { weight: 1, arbitrary: fc.constantFrom('cordoned' as const, 'draining' as const, 'failed' as const) },
)

const node = fc.record({
  capacity: fc.constantFrom(60, 100, 200),
  zone,
  feePerHour: fc.constantFrom(0, 0.2),
  power: fc.constantFrom(
    { idleWatts: 100, peakWatts: 200 },
    [50, 90, 100, 105, 110, 116, 121, 125, 129, 133, 135],
    [86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117],
  ),
  standbyWatts: fc.constantFrom(0, 6),
  deepOffWatts: fc.constantFrom(null, 1),
  wakeMs: fc.constant(60_000),
  hazard: fc.constantFrom(0, 0.01, 0.2),
  state,
})

const tenant = fc.record({
  at: fc.nat(),
  base: fc.integer({ min: 0, max: 12 }),
  mean: fc.integer({ min: 0, max: 20 }),
  spike: fc.integer({ min: 0, max: 30 }),
  deviation: fc.integer({ min: 0, max: 10 }),
  criticality: unit,
  zones: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.subarray(ZONES, { minLength: 1 }) },
  ),
  group: fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('a', 'b') },
  ),
  pinned: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  homeless: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
  movedMinutesAgo: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 30 })),
})

/** Clusters of every kind. Tenants live where their base fits, on nodes that are not asleep. */
export const clusters: fc.Arbitrary<PlanInput> = fc
  .record({
    nodes: fc.array(node, { minLength: 2, maxLength: 12 }),
    tenants: fc.array(tenant, { minLength: 4, maxLength: 40 }),
    prices: fc.array(fc.tuple(unit, fc.integer({ min: 20, max: 700 })), { minLength: 3, maxLength: 3 }),
    sleepyMinutes: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 60 })),
  })
  .map(({ nodes, tenants, prices, sleepyMinutes }) => {
    const named = nodes.map((each, i) => ({ id: `n${String(i).padStart(2, '0')}`, ...each }))
    const homes = named.filter((each) => each.state !== 'standby')
    const baseOn = new Map<string, number>()
    const movedAtMs: Record<string, number> = {}
    const placed = tenants.map(({ at, spike, deviation, pinned, homeless, movedMinutesAgo, ...rest }, i) => {
      const id = `t${String(i).padStart(2, '0')}`
      const home = homes[at % Math.max(1, homes.length)]
      const used = home === undefined ? 0 : (baseOn.get(home.id) ?? 0) + rest.base
      const fits = home !== undefined && !homeless && used <= home.capacity
      if (fits) baseOn.set(home.id, used)
      if (movedMinutesAgo !== null) movedAtMs[id] = NOW_MS - movedMinutesAgo * 60_000
      const living = fits ? home.id : null
      const pin = pinned ? (living ?? named[0]!.id) : null
      return {
        id,
        node: living,
        ...rest,
        demand: rest.mean + spike,
        variance: deviation ** 2,
        pin,
        stateBytes: 1e6,
      }
    })
    const signals = Object.fromEntries(
      ZONES.map((name, i) => [
        name,
        { pricePerKwh: prices[i]![0], gramsPerKwh: prices[i]![1], holdsUntilMs: NOW_MS + 3_600_000 },
      ]),
    )
    const belowSinceMs = sleepyMinutes === null ? null : NOW_MS - sleepyMinutes * 60_000
    const memory = {
      ...EMPTY_MEMORY,
      movedAtMs,
      nodes: Object.fromEntries(named.map(({ id }) => [id, { belowSinceMs }])),
    }
    return { nowMs: NOW_MS, nodes: named, tenants: placed, signals, memory }
  })

/** Settings of every temper, some without waits and budgets. */
export const tempers: fc.Arbitrary<PlannerSettings> = fc
  .record({
    profile: fc.constantFrom<ProfileName>('balanced', 'eco', 'cheap', 'safe'),
    packLoad: fc.constantFrom(0.8, 0.95, 1.1),
    z: fc.constantFrom(0, 1.65),
    moveCost: fc.constantFrom(0, 0.2, 1),
    minGainPerDisruption: fc.constantFrom(0, 0.5),
    headroomShare: fc.constantFrom(0, 0.1),
    headroomNodes: fc.constantFrom(0, 1),
    nodesPerHour: fc.constantFrom(0.1, 1),
    tenantsPerHour: fc.constantFrom(0.05, 1),
    sleepBelowLoad: fc.constantFrom(0.45, 2),
    minStayMs: fc.constantFrom(0, 900_000),
    minUpMs: fc.constantFrom(0, 1_200_000),
  })
  .map((change) => ({ ...DEFAULT_SETTINGS, ...change }))
