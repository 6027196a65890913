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
  'admittedTelling',
  'refused',
  'callPerRequest',
])
/**
 * Every so many rounds all is started anew: processes of one kind differ by a few per cent for as long as they live
 * (how their memory lies, what was compiled when), so a ratio of two processes says less than one of six.
 */
const ROUNDS_PER_LIFE = 2
/** What a process answers after its start before it is measured, so that what is hot has been compiled. */
const WARM_UP = 20_000
/** Share of answers that must be what the variant is about. */
const EXPECTED_SHARE = 0.99
const RATIOS = {
  admittedOverPlain: ['admitted', 'plain'],
  admittedTellingOverPlain: ['admittedTelling', 'plain'],
  refusedOverPlain: ['refused', 'plain'],
  admittedOverTuned: ['admitted', 'tuned'],
  refusedOverTuned: ['refused', 'tuned'],
  callPerRequestOverAdmitted: ['callPerRequest', 'admitted'],
  callPerRequestOverAdmittedTelling: ['callPerRequest', 'admittedTelling'],
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
    // Without delay the figures count; with it, it is enough to see that they do not change.
    const turns = addedMs === 0 ? options : { rounds: 3, requests: options.requests >> 1, longTurns: false }
    const told = (line: string) => progress(`+${addedMs} ms ${line}`)
    const measured = await measure(() => startVariants(ports, addedMs, skipped), turns, told)
    if (costs.length === 0) for (const what of skipped) progress(what)
    for (const { variant, samples } of measured.values()) costs.push(costOf(variant, addedMs, samples))
    if (addedMs === 0) ratios = ratiosOf(measured)
  }
  return { costs, ratios, skipped: [...skipped] }
}

interface Measured {
  readonly variant: Variant
  readonly samples: Sample[]
}

async function measure(
  start: () => Promise<Variant[]>,
  { rounds, requests, longTurns }: Pick<AdmissionOptions, 'rounds' | 'requests' | 'longTurns'>,
  progress: (line: string) => void,
): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>()
  const perLife = longTurns ? ROUNDS_PER_LIFE : rounds
  for (let from = 0; from < rounds; from += perLife) {
    const variants = await start()
    const generator = new Generator()
    try {
      for (let round = from; round < Math.min(rounds, from + perLife); round++) {
        const line: string[] = []
        for (const variant of rotated(variants, round)) {
          const long = longTurns && LONG.has(variant.name)
          const before = long && round === from ? WARM_UP : Math.min(requests / 2, 4_000)
          const taken = await sample(variant, generator, before, long ? LONG_TURN : requests)
          const its = measured.get(variant.name) ?? { variant, samples: [] }
          measured.set(variant.name, its)
          its.samples.push(taken)
          line.push(`${variant.name} ${taken.cpu.toFixed(1)}`)
        }
        progress(`round ${round + 1}/${rounds}, CPU µs per request: ${line.join(', ')}`)
      }
    } finally {
      generator.stop()
      await stopVariants(variants)
    }
  }
  return measured
}

/** Every variant comes first as often as last, so that whoever comes after whom favours nobody. */
function rotated<T>(values: readonly T[], by: number): T[] {
  const at = by % values.length
  return [...values.slice(at), ...values.slice(0, at)]
}

/** @param before requests that go ahead: while the others had their turns, leases lapsed and rates were forgotten. */
async function sample(
  variant: Variant,
  generator: Generator,
  before: number,
  requests: number,
): Promise<Sample> {
  const { server, host, status } = variant
  const order = { port: server.port, host, path: '/orders/42?page=3', connections: CONNECTIONS }
  await generator.run({ ...order, requests: before })
  const stores = variant.stores.map(({ pid }) => pid)
  const cpuBefore = cpuMicrosOf(server.pid)
  const storesBefore = cpuMicrosOfAll(stores)
  const { byStatus } = await generator.run({ ...order, requests })
  const expected = byStatus[status] ?? 0
  if (expected < EXPECTED_SHARE * requests) {
    throw new Error(`${variant.name}: ${JSON.stringify(byStatus)} instead of ${requests} × ${status}`)
  }
  return {
    cpu: (cpuMicrosOf(server.pid) - cpuBefore) / requests,
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

function ratiosOf(measured: ReadonlyMap<string, Measured>): Record<string, Spread> {
  const ratios: Record<string, Spread> = {}
  for (const [name, [above, below]] of Object.entries(RATIOS)) {
    const [a, b] = [measured.get(above), measured.get(below)]
    if (a === undefined || b === undefined) continue
    ratios[name] = pairedRatio(
      a.samples.map(({ cpu }) => cpu),
      b.samples.map(({ cpu }) => cpu),
    )
  }
  return ratios
}
