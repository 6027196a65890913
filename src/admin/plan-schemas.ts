import { z } from '@hono/zod-openapi'
import { MAX_PAGE } from '../core/coordinator-api.ts'
import { MOVE_STATES, PLACEMENT_MODES, PLAN_STATES, POWER_PHASES } from '../core/placement.ts'
import { PROFILES, type ProfileName } from '../core/planner/settings.ts'

const ms = z.int().describe('ms since 1970')
const count = z.int().min(0)
const share = z.number().min(0).max(1)
const duration = z.int().min(0).max(604_800_000).describe('ms')
const mode = z.enum(PLACEMENT_MODES)
const profile = z.enum(Object.keys(PROFILES) as [ProfileName, ...ProfileName[]])

const byTerm = <Value extends z.ZodType>(value: Value) =>
  z.strictObject({ load: value, energy: value, cost: value, carbon: value, resilience: value })

const weights = byTerm(share).refine(
  (it) => Math.abs(it.load + it.energy + it.cost + it.carbon + it.resilience - 1) < 1e-6,
  { error: 'must sum to 1' },
)

const minute = z.int().min(0).max(1440)

const knobs = z.strictObject({
  z: z.number().min(0).max(10),
  riskLoad: share,
  packLoad: share,
  packDemand: share,
  overloadLoad: z.number().min(0).max(10),
  overloadMean: z.number().min(0).max(10),
  lastingLoad: z.number().min(0).max(10),
  sleepBelowLoad: z.number().min(0).max(10),
  sleepAfterMs: duration,
  wakeAboveLoad: share,
  wakeAfterMs: duration,
  minStayMs: duration,
  minUpMs: duration,
  expectedStayMs: duration,
  moveCost: z.number().min(0).max(1e6),
  minGainPerDisruption: z.number().min(0).max(1e6),
  nodesPerHour: share,
  tenantsPerHour: share,
  transfersPerNode: z.int().min(1).max(100),
  windows: z
    .array(z.strictObject({ fromMinute: minute, toMinute: minute }))
    .max(100)
    .readonly(),
  freezeAbove: share,
  headroomShare: share,
  headroomNodes: z.number().min(0).max(100),
  backOffMs: duration,
  recheckMs: duration.min(1_000),
})

const settings = {
  mode,
  profile,
  profiles: z.strictObject({ balanced: weights, eco: weights, cheap: weights, safe: weights }).partial(),
  everyMs: z.int().min(1_000).max(3_600_000),
  forecastGain: z.number().min(0.001).max(1),
  planner: knobs.partial(),
  hook: z
    .strictObject({ url: z.string().max(2_048), timeoutMs: z.int().min(100).max(30_000).default(10_000) })
    .nullable(),
}

export const placementRequest = z
  .strictObject({
    mode,
    profile: settings.profile.default('balanced'),
    profiles: settings.profiles.default({}),
    everyMs: settings.everyMs.default(60_000),
    forecastGain: settings.forecastGain.default(0.03),
    planner: settings.planner.default({}),
    hook: settings.hook.default(null),
  })
  .openapi('PlacementSettings')

export const placementState = z
  .object({
    ...settings,
    revision: count,
    effective: knobs.extend({
      profile,
      profiles: z.object({ balanced: weights, eco: weights, cheap: weights, safe: weights }),
      sampleMs: z.number(),
      forecastGain: z.number(),
    }),
  })
  .openapi('PlacementState')

const terms = byTerm(z.number())
const verdict = z.object({ terms, score: z.number() })
const names = z.array(z.string()).readonly()

const head = {
  id: count,
  atMs: ms,
  profile: z.string(),
  mode,
  state: z.enum(PLAN_STATES),
  changedMs: ms,
  actor: z.string().optional(),
  note: z.string(),
  wake: names,
  standby: names,
  scoreBefore: z.number(),
  scoreAfter: z.number(),
}

export const planSummary = z.object({ ...head, moves: count }).openapi('PlanSummary')

const move = z.object({
  tenant: z.string(),
  from: z.string().nullable(),
  to: z.string(),
  rule: z.enum(['place', 'constraint', 'evacuate', 'overload', 'consolidate', 'relocate', 'balance']),
  bundle: count,
  wave: count,
  change: terms,
  state: z.enum(MOVE_STATES),
  reason: z.string().optional(),
})

const alternative = z.object({
  profile: z.string(),
  terms,
  score: z.number(),
  moves: count,
  wake: count,
  standby: count,
  onFront: z.boolean(),
})

export const planView = z
  .object({
    ...head,
    moves: z.array(move).readonly(),
    before: verdict,
    after: verdict,
    bound: terms,
    distance: byTerm(z.number().nullable()),
    alternatives: z.array(alternative).readonly(),
    frozen: z.string().nullable(),
    homeless: names,
  })
  .openapi('Plan')

export const energyView = z
  .object({
    node: z.string(),
    phase: z.enum(POWER_PHASES),
    sinceMs: ms,
    atMs: ms,
    watts: z.number(),
    load: z.number(),
    wh: z.number(),
    standbyWh: z.number(),
    cost: z.number(),
    grams: z.number(),
    pricedShare: share,
    gradedShare: share,
    unknownMs: z.number(),
  })
  .openapi('Energy')

export const planParam = z.object({
  id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
})

export const planQuery = z.strictObject({
  before: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(20),
})
