import { readFileSync } from 'node:fs'
import { z } from 'zod'

const tokens = z.number().finite().nonnegative()
const openLoop = z.array(
  z.strictObject({
    fromMs: z.number().nonnegative(),
    toMs: z.number().nonnegative(),
    perSecond: z.number().nonnegative(),
    cost: tokens.optional(),
    arrivals: z.enum(['even', 'poisson']).optional(),
  }),
)
const closedLoop = z.strictObject({
  threads: z.int().positive(),
  execMs: z.number().nonnegative(),
  thinkMs: z.number().nonnegative(),
  cost: tokens.optional(),
  calls: z.int().positive().optional(),
})
const account = {
  name: z.string().min(1),
  base: tokens,
  weight: z.number().nonnegative().optional(),
  priority: z.int().min(0).max(7).optional(),
  ceiling: tokens.optional(),
  lendable: z.number().min(0).max(1).optional(),
  borrows: z.boolean().optional(),
}
const traffic = z.union([openLoop, closedLoop])
const tenant = z.strictObject({
  ...account,
  maxWaitMs: z.number().nonnegative().optional(),
  traffic: traffic.optional(),
  devices: z
    .array(z.strictObject({ ...account, traffic, maxWaitMs: z.number().nonnegative().optional() }))
    .optional(),
})
const scenario = z.strictObject({
  capacity: z.number().positive(),
  roundMs: z.int().positive().default(1000),
  durationMs: z.number().positive(),
  seed: z.int().default(1),
  edges: z.int().min(0).max(1000).default(0),
  rttMs: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0, 0]),
  tenants: z.array(tenant).min(1),
  report: z.array(z.tuple([z.number(), z.number()])).optional(),
})

/** A sharing scenario: a node, its tenants, their traffic and the windows to report. Rates in tokens/s. */
export type Scenario = z.infer<typeof scenario>
export type ScenarioTenant = Scenario['tenants'][number]
export type Traffic = z.infer<typeof traffic>

/** Checks a scenario. @throws Error naming the first wrong field. */
export function parseScenario(value: unknown): Scenario {
  const parsed = scenario.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Error(`${issue!.path.join('.') || 'scenario'}: ${issue!.message}`)
  }
  const names = new Set<string>()
  for (const { name } of parsed.data.tenants) {
    if (names.has(name)) throw new Error(`tenants: the name ${JSON.stringify(name)} occurs twice`)
    names.add(name)
  }
  return parsed.data
}

/** Reads a scenario file. @throws Error with one line that says what to mend. */
export function readScenario(file: string): Scenario {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new Error(`${file}: cannot be read; name a scenario file (JSON)`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${file}: not JSON (${(error as Error).message})`)
  }
  try {
    return parseScenario(value)
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}
