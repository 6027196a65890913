import { Generator } from './load.ts'
import { cpuMicrosOf, cpuMicrosOfAll } from './process-cpu.ts'
import type { Ports } from './servers.ts'
import { pairedRatio, type Spread, spreadOf } from './stats.ts'
import { startVariants, stopVariants, type Variant } from './variants.ts'

/** CPU of one variant, microseconds per request. */
export interface VariantCost {
  readonly name: string
  readonly what: string
  readonly runtime: 'workerd' | 'Node'
  readonly addedMs: number
  readonly cpuMicros: Spread
  /** What the stores beside it used, microseconds per request. */
  readonly storeMicros: number
}

export interface AdmissionOptions {
  readonly rounds: number
  readonly requests: number
  /** Whether there is time for turns that hold a cycle of garbage collection. */
  readonly longTurns: boolean
  readonly delaysMs: readonly number[]
}

export interface AdmissionBench {
  readonly costs: readonly VariantCost[]
  readonly ratios: Readonly<Record<string, Spread>>
  readonly skipped: readonly string[]
}

/** Connections of the closed loop. */
const CONNECTIONS = 32
/**
 * What is to be told apart by a few per cent gets turns that hold several full collections of 20 to 40 ms each: in
 * short ones, one more or less would tell.
 */
const LONG_TURN = 30_000
const LONG: ReadonlySet<string> = new Set([
  'plain',
  'tuned',
  'admitted',
  'admittedBare',
  'refused',
  'callPerRequest',
])
/** Share of answers that must be what the variant is about. */
const EXPECTED_SHARE = 0.99
const RATIOS = {
  admittedOverPlain: ['admitted', 'plain'],
  admittedBareOverPlain: ['admittedBare', 'plain'],
  refusedOverPlain: ['refused', 'plain'],
  admittedOverTuned: ['admitted', 'tuned'],
  refusedOverTuned: ['refused', 'tuned'],
  callPerRequestOverAdmitted: ['callPerRequest', 'admitted'],
  callPerRequestOverAdmittedBare: ['callPerRequest', 'admittedBare'],
  writePerRequestOverAdmitted: ['writePerRequest', 'admitted'],
  sharedStoreOverAdmitted: ['sharedStore', 'admitted'],
  upstashOverAdmitted: ['upstash', 'admitted'],
  flexibleMemoryOverNodePlain: ['flexibleMemory', 'nodePlain'],
  flexibleRedisOverNodePlain: ['flexibleRedis', 'nodePlain'],
} as const

interface Sample {
  readonly cpu: number
  readonly store: number
}

/** CPU per request of Stint, of the limit and of the peers; all in turn, round after round. */
export async function benchAdmission(
  ports: Ports,
  options: AdmissionOptions,
  progress: (line: string) => void,
): Promise<AdmissionBench> {
  const skipped = new Set<string>()
  const costs: VariantCost[] = []
  let ratios: Record<string, Spread> = {}
  for (const addedMs of options.delaysMs) {
    const variants = await startVariants(ports, addedMs, skipped)
    if (costs.length === 0) for (const what of skipped) progress(what)
    // Without delay the figures count; with it, it is enough to see that they do not change.
    const turns = addedMs === 0 ? options : { rounds: 3, requests: options.requests >> 1, longTurns: false }
    const generator = new Generator()
    try {
      const samples = await measure(variants, generator, turns, (line) => progress(`+${addedMs} ms ${line}`))
      for (const variant of variants) costs.push(costOf(variant, addedMs, samples.get(variant.name)!))
      if (addedMs === 0) ratios = ratiosOf(samples)
    } finally {
      generator.stop()
      await stopVariants(variants)
    }
  }
  return { costs, ratios, skipped: [...skipped] }
}

async function measure(
  variants: readonly Variant[],
  generator: Generator,
  options: Pick<AdmissionOptions, 'rounds' | 'requests' | 'longTurns'>,
  progress: (line: string) => void,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(variants.map(({ name }) => [name, []]))
  for (let round = 0; round < options.rounds; round++) {
    const line: string[] = []
    for (const variant of rotated(variants, round)) {
      const taken = await sample(
        variant,
        generator,
        options.longTurns && LONG.has(variant.name) ? LONG_TURN : options.requests,
      )
      samples.get(variant.name)!.push(taken)
      line.push(`${variant.name} ${taken.cpu.toFixed(1)}`)
    }
    progress(`round ${round + 1}/${options.rounds}, CPU µs per request: ${line.join(', ')}`)
  }
  return samples
}

/** Every variant comes first as often as last, so that whoever comes after whom favours nobody. */
function rotated<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}

async function sample(variant: Variant, generator: Generator, requests: number): Promise<Sample> {
  const { server, host, status } = variant
  const order = { port: server.port, host, path: '/orders/42?page=3', connections: CONNECTIONS }
  // While the others had their turns it was idle: leases lapsed, and rates are measured anew.
  await generator.run({ ...order, requests: Math.min(requests / 2, 4_000) })
  const stores = variant.stores.map(({ pid }) => pid)
  const before = cpuMicrosOf(server.pid)
  const storesBefore = cpuMicrosOfAll(stores)
  const { byStatus } = await generator.run({ ...order, requests })
  const expected = byStatus[status] ?? 0
  if (expected < EXPECTED_SHARE * requests) {
    throw new Error(`${variant.name}: ${JSON.stringify(byStatus)} instead of ${requests} × ${status}`)
  }
  return {
    cpu: (cpuMicrosOf(server.pid) - before) / requests,
    store: (cpuMicrosOfAll(stores) - storesBefore) / requests,
  }
}

function costOf({ name, what, runtime }: Variant, addedMs: number, samples: readonly Sample[]): VariantCost {
  return {
    ...{ name, what, runtime, addedMs },
    cpuMicros: spreadOf(samples.map(({ cpu }) => cpu)),
    storeMicros: spreadOf(samples.map(({ store }) => store)).median,
  }
}

function ratiosOf(samples: ReadonlyMap<string, readonly Sample[]>): Record<string, Spread> {
  const ratios: Record<string, Spread> = {}
  for (const [name, [above, below]] of Object.entries(RATIOS)) {
    const [a, b] = [samples.get(above), samples.get(below)]
    if (a === undefined || b === undefined) continue
    ratios[name] = pairedRatio(
      a.map(({ cpu }) => cpu),
      b.map(({ cpu }) => cpu),
    )
  }
  return ratios
}
