import { toTokens } from '../core/amount.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { PlacementMode, PowerPhase } from '../core/placement.ts'
import type { Forecast } from '../core/planner/forecast.ts'
import type {
  NodeState,
  PlanInput,
  PlannerMemory,
  PlannerNode,
  PlannerTenant,
} from '../core/planner/model.ts'
import type { PowerSpec } from '../core/planner/power.ts'
import { plannerSignals, type ZoneNow } from '../core/zone-signals.ts'
import type { CoordinatorStore, NodeRow, TenantRow } from './coordinator-store.ts'
import { healthOf } from './views.ts'

/** A node that says nothing of its power: nothing it does can save anything. */
const NO_POWER: PowerSpec = { idleWatts: 0, peakWatts: 0 }
/** A node that says nothing of how long it takes to wake, ms. */
export const DEFAULT_WAKE_MS = 60_000
/** How long a waking node is believed beyond its wake time, ms; then it counts as failed. */
const WAKE_PATIENCE_MS = 60_000
/** A tenant's account and configuration, bytes: what a move carries, about. */
const STATE_BYTES = 10_000

/** What a tenant's manifest says that the planner needs. */
interface TenantFacts {
  readonly generation: number
  readonly zones: readonly string[]
  readonly criticality: number
  readonly mode: PlacementMode
}

/** What changes between two looks at the store. */
export interface Present {
  readonly nowMs: number
  readonly memory: PlannerMemory
  readonly zones: ReadonlyMap<string, ZoneNow>
  /** Nodes that get no new tenants, with the reason. */
  readonly avoid: ReadonlyMap<string, string>
  readonly powerOf: (node: string) => { readonly phase: PowerPhase; readonly sinceMs: number }
  readonly forecastOf: (
    tenant: string,
  ) => { readonly forecast: Forecast; readonly demand: number } | undefined
}

/** A node's power as its manifest says. */
export function powerOf({ power }: NodeManifest['spec']): PowerSpec {
  if (power === undefined) return NO_POWER
  return 'watts' in power ? power.watts : power
}

/** Reads from the store what the planner must know. Manifests are parsed once per change. */
export class InputReader {
  readonly #store: CoordinatorStore
  readonly #tenants = new Map<string, TenantFacts>()

  constructor(store: CoordinatorStore) {
    this.#store = store
  }

  /** The mode a tenant's manifest allows. */
  modeOf(tenant: string): PlacementMode {
    return this.#tenants.get(tenant)?.mode ?? 'manual'
  }

  read(present: Present): PlanInput {
    const { nowMs, memory } = present
    const rows = this.#store.all<NodeRow>('SELECT * FROM nodes WHERE deleted_ms IS NULL ORDER BY name')
    const nodes = rows.map((row) => nodeOf(row, present))
    const tenants = this.#store.all<TenantRow>('SELECT * FROM tenants ORDER BY name')
    const names = new Set(tenants.map(({ name }) => name))
    for (const name of this.#tenants.keys()) if (!names.has(name)) this.#tenants.delete(name)
    const movedAtMs: Record<string, number> = {}
    for (const { name, placed_ms } of tenants) if (placed_ms !== null) movedAtMs[name] = placed_ms
    return {
      nowMs,
      nodes,
      tenants: tenants.map((row) => this.#tenantOf(row, present)),
      signals: plannerSignals(present.zones, new Set(nodes.map(({ zone }) => zone))),
      memory: { ...memory, movedAtMs },
    }
  }

  #tenantOf(row: TenantRow, present: Present): PlannerTenant {
    const facts = this.#factsOf(row)
    const base = toTokens(Math.max(row.base_micro, row.reserved_micro))
    const measured = present.forecastOf(row.name)
    return {
      id: row.name,
      node: row.node,
      base,
      // Not measured yet: it is expected to want what it is guaranteed, give or take half.
      demand: measured?.demand ?? base,
      mean: measured?.forecast.mean ?? base,
      variance: measured?.forecast.variance ?? (base / 2) ** 2,
      criticality: facts.criticality / 100,
      zones: facts.zones,
      group: row.anti_affinity,
      pin: row.pin,
      stateBytes: STATE_BYTES,
      automatic: facts.mode !== 'manual',
    }
  }

  #factsOf({ name, generation, manifest }: TenantRow): TenantFacts {
    const known = this.#tenants.get(name)
    if (known?.generation === generation) return known
    const { zones, criticality, placement } = (JSON.parse(manifest) as TenantManifest).spec
    const facts = { generation, zones, criticality, mode: placement.mode }
    this.#tenants.set(name, facts)
    return facts
  }
}

function nodeOf(row: NodeRow, present: Present): PlannerNode {
  const { spec } = JSON.parse(row.manifest) as NodeManifest
  const wakeMs = spec.wakeMs ?? DEFAULT_WAKE_MS
  return {
    id: row.name,
    capacity: toTokens(row.capacity_micro),
    zone: row.zone ?? '',
    feePerHour: spec.hourlyFee,
    power: powerOf(spec),
    standbyWatts: spec.standbyWatts ?? 0,
    deepOffWatts: spec.deepOffWatts ?? null,
    wakeMs,
    hazard: spec.hazard,
    state: stateOf(row, wakeMs, present),
  }
}

/** Power comes first: a machine that is off cannot be healthy, and is not expected to be. */
function stateOf(row: NodeRow, wakeMs: number, { nowMs, avoid, powerOf }: Present): NodeState {
  const { phase, sinceMs } = powerOf(row.name)
  if (phase === 'standby' || phase === 'falling') return 'standby'
  if (phase === 'waking') return nowMs - sinceMs > 2 * wakeMs + WAKE_PATIENCE_MS ? 'failed' : 'waking'
  if (healthOf(row).phase === 'Failed') return 'failed'
  if (row.drain_ms !== null) return 'draining'
  const closed = row.cordoned === 1 || row.cordon_ms !== null || avoid.has(row.name)
  return closed ? 'cordoned' : 'active'
}
