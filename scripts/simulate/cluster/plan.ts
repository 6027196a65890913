import { toTokens } from '../../../src/core/amount.ts'
import { type TenantManifest, tenantSchema } from '../../../src/core/manifest/tenant.ts'
import type { MigrationTerms } from '../../../src/core/migration/placement.ts'
import type { ServingLeaseTerms } from '../../../src/core/migration/serving-lease.ts'
import { Dice, type FaultPlan, type PlannedAccount } from '../faults/plan.ts'
import { randomFrom } from '../random.ts'
import { accountsOf } from './plan-accounts.ts'
import { eventsOf, type PlannedEvent } from './plan-events.ts'

export type Spec = TenantManifest['spec']

/** A node of the run. */
export interface PlannedNode {
  readonly name: string
  /** Micro-tokens a round may hand out. */
  readonly roundTokens: number
}

/** A tenant of the run, and where it lives at first. */
export interface PlannedTenant {
  readonly name: string
  readonly home: string
  readonly spec: Spec
}

/** Durations of the coordinator's side, simulated milliseconds. */
export interface ClusterTerms {
  readonly moves: MigrationTerms
  readonly serving: ServingLeaseTerms
  /** How often a node reports, and how often the coordinator looks at who is silent. */
  readonly heartbeatMs: number
  /** A call unanswered for so long is given up. */
  readonly callMs: number
}

/** A run, decided by its seed alone. Times in simulated milliseconds, amounts in micro-tokens a round. */
export interface ClusterPlan
  extends Pick<
    FaultPlan,
    | 'seed'
    | 'roundMs'
    | 'edges'
    | 'rttMs'
    | 'windows'
    | 'rates'
    | 'longestDelayMs'
    | 'healAtMs'
    | 'endMs'
    | 'accounts'
  > {
  readonly nodes: readonly PlannedNode[]
  readonly tenants: readonly PlannedTenant[]
  readonly terms: ClusterTerms
  readonly events: readonly PlannedEvent[]
}

const ROUND_MS = 500
/** Parts of a run, in rounds. */
const CALM_AT_FIRST = 8
const FAULTY = 14
const CALM_AGAIN = 16
const HEAL = 14
/** A node may serve for so many rounds after its last heartbeat that was answered; less the margin. */
const SERVING_ROUNDS = 4

/** Draws a run. */
export function clusterPlanOf(seed: number): ClusterPlan {
  const dice = new Dice(randomFrom(seed ^ 0x2c1b))
  const roundMs = ROUND_MS
  const first = CALM_AT_FIRST * roundMs
  const second = first + (FAULTY + CALM_AGAIN) * roundMs
  const windows = [first, second].map((fromMs) => ({ fromMs, toMs: fromMs + FAULTY * roundMs }))
  const healAtMs = second + (FAULTY + CALM_AGAIN) * roundMs
  const nodeTokens = dice.int(80, 120)
  const nodes = Array.from({ length: dice.int(2, 4) }, (_, i) => ({
    name: `node-${i}`,
    roundTokens: (nodeTokens + dice.int(0, 20)) * 1_000_000,
  }))
  const accounts = accountsOf(dice, nodes.length, nodeTokens, roundMs)
  const tenants = tenantsOf(dice, accounts, nodes, roundMs)
  const edges = dice.int(2, 4)
  const rttMin = dice.int(2, 15)
  const names = { nodes: nodes.map(({ name }) => name), tenants: tenants.map(({ name }) => name), edges }
  return {
    seed,
    roundMs,
    edges,
    rttMs: [rttMin, rttMin + dice.int(0, 30)],
    windows,
    rates: { lose: dice.upTo(0.1), repeat: dice.upTo(0.15), delay: dice.upTo(0.15) },
    longestDelayMs: 3 * roundMs,
    healAtMs,
    endMs: healAtMs + HEAL * roundMs,
    accounts,
    nodes,
    tenants,
    terms: {
      moves: { retryFirstMs: 100, retryMaxMs: roundMs, drainMs: 4 * roundMs },
      serving: { ttlMs: SERVING_ROUNDS * roundMs, marginMs: 1.5 * roundMs },
      heartbeatMs: roundMs / 2,
      callMs: roundMs,
    },
    events: eventsOf(dice, names, { calm: calmTimes(windows, healAtMs, roundMs), windows, roundMs }),
  }
}

/** When ordinary moves are asked for although no fault is about: nobody may notice those. */
function calmTimes(windows: ClusterPlan['windows'], healAtMs: number, roundMs: number) {
  const starts = [3 * roundMs, ...windows.map(({ toMs }) => toMs + 8 * roundMs)]
  return starts
    .map((fromMs, i) => ({ fromMs, toMs: (windows[i]?.fromMs ?? healAtMs) - roundMs }))
    .filter(({ fromMs, toMs }) => toMs > fromMs)
}

const DEFAULTS = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 'any' },
  spec: { base: 1, hosts: ['any.example'] },
}).spec

/** The tenants of the accounts, devices below them, each on the first node with room from a random one on. */
function tenantsOf(
  dice: Dice,
  accounts: readonly PlannedAccount[],
  nodes: readonly PlannedNode[],
  roundMs: number,
): PlannedTenant[] {
  const taken = new Map<string, number>()
  return Array.from(new Set(accounts.map(({ tenant }) => tenant)), (name) => {
    const own = accounts.filter(({ tenant }) => tenant === name)
    const sharing = own.map((account) => ({ account, shared: sharingOf(account, roundMs) }))
    const devices = sharing.flatMap(({ account, shared }) =>
      account.device === undefined
        ? []
        : [{ name: account.device, match: { hosts: [], paths: [], methods: [] }, ...shared }],
    )
    const base = sharing.reduce((sum, { shared }) => sum + shared.base, 0)
    const whole = devices.length === 0 ? sharing[0]!.shared : { base, weight: base }
    const spec: Spec = { ...DEFAULTS, ...whole, devices }
    const tokens = spec.base * roundMs * 1_000
    const start = dice.int(0, nodes.length - 1)
    const order = nodes.map((_, i) => nodes[(start + i) % nodes.length]!)
    const home = order.find((node) => (taken.get(node.name) ?? 0) + tokens <= node.roundTokens)
    if (home === undefined) throw new Error(`no node has room for ${name}`)
    taken.set(home.name, (taken.get(home.name) ?? 0) + tokens)
    return { name, home: home.name, spec }
  })
}

/** An account's settings as a manifest says them, in tokens/s. */
function sharingOf({ settings }: PlannedAccount, roundMs: number) {
  const perSecond = (microPerRound: number) => (toTokens(microPerRound) * 1_000) / roundMs
  const base = perSecond(settings.baseTokens)
  return {
    base,
    weight: settings.weight === undefined ? base : perSecond(settings.weight),
    priority: settings.priority ?? 4,
    lendable: settings.lendable ?? 1,
    borrows: settings.borrows ?? true,
    ...(settings.ceilingTokens === undefined ? {} : { ceiling: perSecond(settings.ceilingTokens) }),
  }
}
