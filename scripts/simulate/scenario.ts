import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { MAX_TOKENS, MICRO_PER_TOKEN } from '../../src/core/amount.ts'

const tokens = z.number().nonnegative().max(MAX_TOKENS)
const ms = z.number().nonnegative().max(1e12)
const openLoop = z.array(
  z.strictObject({
    fromMs: ms,
    toMs: ms,
    perSecond: z.number().nonnegative().max(1e9),
    cost: tokens.optional(),
    arrivals: z.enum(['even', 'poisson']).optional(),
  }),
)
const closedLoop = z.strictObject({
  threads: z.int().positive().max(100_000),
  execMs: ms,
  thinkMs: ms,
  cost: tokens.optional(),
  calls: z.int().positive().optional(),
})
const account = {
  name: z
    .string()
    .min(1)
    .regex(/^[^/]*$/, 'a name holds no slash'),
  base: tokens,
  weight: z.number().nonnegative().optional(),
  priority: z.int().min(0).max(7).optional(),
  ceiling: tokens.optional(),
  lendable: z.number().min(0).max(1).optional(),
  borrows: z.boolean().optional(),
}
const load = {
  maxWaitMs: ms.optional(),
  traffic: z.union([openLoop, closedLoop]).optional(),
}
const device = z.strictObject({ ...account, ...load })
const tenant = z.strictObject({ ...account, ...load, devices: z.array(device).min(1).optional() })
const scenario = z.strictObject({
  capacity: tokens.positive(),
  roundMs: z.int().positive().max(3_600_000).default(1000),
  durationMs: ms.positive(),
  seed: z.int().default(1),
  edges: z.int().min(0).max(1000).default(0),
  rttMs: z.tuple([ms, ms]).default([0, 0]),
  tenants: z.array(tenant).min(1),
  report: z
    .array(z.tuple([ms, ms]))
    .min(1)
    .optional(),
})

/**
 * A sharing scenario: a node, its tenants, their traffic and the windows to report. Rates and bases in
 * tokens/s; a tenant without traffic is idle, one with devices has none of its own.
 */
export type Scenario = z.infer<typeof scenario>
export type ScenarioTenant = Scenario['tenants'][number]
export type ScenarioAccount = z.infer<typeof device>
export type Traffic = NonNullable<ScenarioAccount['traffic']>
export type OpenPhase = z.infer<typeof openLoop>[number]

/** Checks a scenario. @throws Error naming the first wrong field and what it must be. */
export function parseScenario(value: unknown): Scenario {
  const parsed = scenario.safeParse(value)
  if (!parsed.success) throw new Error(describe(parsed.error.issues[0]!))
  checkMeaning(parsed.data)
  return parsed.data
}

/** Reads a scenario file, "-" for standard input. @throws Error with one line that says what to mend. */
export function readScenario(file: string): Scenario {
  const name = file === '-' ? 'standard input' : file
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    throw new Error(`${name}: cannot be read; name a scenario file (JSON)`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${name}: not JSON (${(error as Error).message})`)
  }
  try {
    return parseScenario(value)
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`)
  }
}

type Issue = z.core.$ZodIssue

/** A wrong value of a union is described by the form it comes nearest to. */
function describe(issue: Issue, path: readonly PropertyKey[] = []): string {
  const here = [...path, ...issue.path]
  if (issue.code === 'invalid_union') {
    const nearest = issue.errors.reduce((best, errors) => (depth(errors) > depth(best) ? errors : best))
    if (nearest[0] !== undefined && depth(nearest) > 0) return describe(nearest[0], here)
  }
  const field = here.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return `${field.slice(field.startsWith('.') ? 1 : 0) || 'the scenario'}: ${issue.message}`
}

function depth(issues: readonly Issue[]): number {
  const first = issues[0]
  return first === undefined ? 0 : first.path.length + (first.code === 'unrecognized_keys' ? 1 : 0)
}

function checkMeaning(scenario: Scenario): void {
  const { tenants, capacity, rttMs, report, durationMs } = scenario
  checkAccounts('tenants', tenants, 'capacity', capacity)
  tenants.forEach((tenant, i) => {
    if (tenant.devices === undefined) return
    const path = `tenants[${i}]`
    const silent = Array.isArray(tenant.traffic) && tenant.traffic.length === 0
    if (tenant.traffic !== undefined && !silent) {
      throw new Error(`${path}.traffic: the devices have the traffic`)
    }
    checkAccounts(`${path}.devices`, tenant.devices, 'the tenant’s base', tenant.base)
  })
  if (rttMs[0] > rttMs[1]) throw new Error(`rttMs: the least, ${rttMs[0]}, is above the most, ${rttMs[1]}`)
  report?.forEach(([fromMs, toMs], i) => {
    if (fromMs >= toMs) throw new Error(`report[${i}]: must begin before it ends, got ${fromMs} to ${toMs}`)
    if (toMs > durationMs) throw new Error(`report[${i}]: ends at ${toMs}, after the end of the run`)
  })
}

function checkAccounts(
  path: string,
  accounts: readonly ScenarioAccount[],
  limitName: string,
  limit: number,
): void {
  const names = new Set<string>()
  let sum = 0
  accounts.forEach((account, i) => {
    const { name, base, ceiling, traffic } = account
    if (names.has(name)) throw new Error(`${path}[${i}].name: ${JSON.stringify(name)} occurs twice`)
    names.add(name)
    sum += base
    if (ceiling !== undefined && ceiling < base) {
      throw new Error(`${path}[${i}].ceiling: must be at least the base, ${base}, got ${ceiling}`)
    }
    if (!Array.isArray(traffic)) return
    traffic.forEach((phase, j) => {
      if (phase.fromMs >= phase.toMs) {
        const at = `${path}[${i}].traffic[${j}]`
        throw new Error(`${at}: must begin before it ends, got ${phase.fromMs} to ${phase.toMs}`)
      }
    })
  })
  if (sum > limit + 0.5 / MICRO_PER_TOKEN) {
    throw new Error(
      `${path}: the bases add up to ${Number(sum.toFixed(6))}, more than ${limitName}, ${limit}`,
    )
  }
}
