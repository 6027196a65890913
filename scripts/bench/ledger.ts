import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { HierarchicalTokenBucket } from '@jupiterone/hierarchical-token-bucket'
import { RateLimiter } from 'limiter'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { Decision, Ledger } from '../../src/core/ledger.ts'
import { randomFrom } from '../simulate/random.ts'
import { formatSpread, pairedRatio, type Spread, spreadOf } from './stats.ts'

/** One way to decide on requests of many accounts. */
interface Contender {
  readonly name: string
  /** Decides on `count` requests of the accounts in `order`, from place `from` on. @returns how many it admitted. */
  run(order: Uint32Array, from: number, count: number): number | Promise<number>
}

/** What one contender does at one number of accounts. */
export interface LedgerBenchRow {
  readonly accounts: number
  readonly name: string
  readonly decisionsPerSecond: Spread
  /** Bytes of heap per decision. */
  readonly heapBytes: number
  /** Share of the decisions that admitted. */
  readonly admitted: number
}

/** Everything that was measured, and the ledger's decisions over the peers', round by round. */
export interface LedgerBench {
  readonly rows: readonly LedgerBenchRow[]
  readonly ledgerOver: readonly { readonly accounts: number; readonly name: string; readonly ratio: Spread }[]
}

const ACCOUNTS = [10, 1_000, 100_000]
const ROUNDS = 7
/**
 * One round of the ledger. While the others have their turns it pauses, so each of its turns begins with a
 * redistribution; in use it makes one a second.
 */
const TURN_MS = 1_000
/** Decisions between two looks at the clock that ends a turn. */
const BATCH = 4_096
const ORDER = 1 << 20
/** So few that the young generation is not collected in between. */
const HEAP_DECISIONS = 20_000
/** Requests a second that an account may make: above what any contender can do, so that most are admitted. */
const RATE_PER_ACCOUNT = { 10: 10_000_000, 1000: 100_000, 100000: 1_000 } as Record<number, number>

function contenders(accounts: number): Contender[] {
  const rate = RATE_PER_ACCOUNT[accounts]!
  return [
    stint('Stint’s ledger', accounts, rate, 1),
    stint('Stint’s ledger, two devices a tenant', accounts, rate, 2),
    limiter(accounts, rate),
    hierarchical(accounts, rate),
    flexible(accounts, rate),
    CLOCK,
  ]
}

/** What every decision pays for the time, and the heap that takes: the ledger itself leaves nothing behind. */
const CLOCK: Contender = {
  name: 'the look at the clock alone',
  run(_, from, n) {
    let passed = 0
    for (let i = from; i < from + n; i++) if (Date.now() > 0) passed++
    return passed
  },
}

/** Stint knows its accounts by their numbers, the peers have an object or a name for each. */
function stint(name: string, count: number, rate: number, devices: 1 | 2): Contender {
  const baseTokens = rate * 1_000_000
  const ledger = new Ledger({ roundTokens: baseTokens * count, roundMs: TURN_MS, nowMs: Date.now() })
  const accounts = Array.from({ length: count }, (_, i) => {
    if (devices === 1) return ledger.open(`t${i}`, { baseTokens })
    if (i % 2 === 1) return ledger.openDevice(ledger.accounts.get(`t${i - 1}`)!, 'second', { baseTokens })
    const tenant = ledger.open(`t${i}`, { baseTokens: 2 * baseTokens })
    return ledger.openDevice(tenant, 'first', { baseTokens })
  })
  const numbers = Int32Array.from(accounts, (account) => account.number)
  return {
    name,
    run(order, from, n) {
      let admitted = 0
      for (let i = from; i < from + n; i++) {
        const number = numbers[order[i % ORDER]!]!
        if (ledger.spend(number, 1_000_000, Date.now()) <= Decision.borrowed) admitted++
      }
      return admitted
    },
  }
}

function limiter(count: number, rate: number): Contender {
  const buckets = Array.from(
    { length: count },
    () => new RateLimiter({ tokensPerInterval: rate, interval: 'second' }),
  )
  return {
    name: 'limiter',
    run(order, from, n) {
      let admitted = 0
      for (let i = from; i < from + n; i++) if (buckets[order[i % ORDER]!]!.tryRemoveTokens(1)) admitted++
      return admitted
    },
  }
}

/** One parent and a child per account: nested, but nothing is lent, and nothing refused: it tells how long to wait. */
function hierarchical(count: number, rate: number): Contender {
  const parent = new HierarchicalTokenBucket({ maximumCapacity: rate * count, refillRate: rate * count })
  const children = Array.from({ length: count }, () =>
    parent.child({ maximumCapacity: rate, refillRate: rate }),
  )
  return {
    name: '@jupiterone/hierarchical-token-bucket',
    run(order, from, n) {
      let admitted = 0
      for (let i = from; i < from + n; i++) if (children[order[i % ORDER]!]!.take() === 0) admitted++
      return admitted
    },
  }
}

/** Its interface is a promise per decision, so each is awaited. */
function flexible(count: number, rate: number): Contender {
  const memory = new RateLimiterMemory({ points: rate, duration: 1 })
  const keys = Array.from({ length: count }, (_, i) => `t${i}`)
  return {
    name: 'rate-limiter-flexible (memory)',
    async run(order, from, n) {
      let admitted = 0
      for (let i = from; i < from + n; i++) {
        try {
          await memory.consume(keys[order[i % ORDER]!]!, 1)
          admitted++
        } catch {
          // Refused: that is its way to say so.
        }
      }
      return admitted
    },
  }
}

interface Measured {
  readonly contender: Contender
  readonly rates: number[]
  decided: number
  admitted: number
}

async function turn(measured: Measured, order: Uint32Array): Promise<void> {
  const startMs = performance.now()
  let elapsedMs = 0
  let decided = 0
  while (elapsedMs < TURN_MS) {
    measured.admitted += await measured.contender.run(order, measured.decided + decided, BATCH)
    decided += BATCH
    elapsedMs = performance.now() - startMs
  }
  measured.decided += decided
  measured.rates.push((decided * 1000) / elapsedMs)
}

/** Heap that decisions leave behind before anything is collected. */
async function heapPerDecision({ contender }: Measured, order: Uint32Array): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const samples: number[] = []
  for (let sample = 0; sample < 5; sample++) {
    collect()
    const before = process.memoryUsage().heapUsed
    await contender.run(order, sample * HEAP_DECISIONS, HEAP_DECISIONS)
    samples.push((process.memoryUsage().heapUsed - before) / HEAP_DECISIONS)
  }
  return spreadOf(samples).median
}

/**
 * Decisions a second on accounts picked at random, every contender in turn, round by round in one process, each
 * with a look at the clock per decision. Takes about two and a half minutes.
 */
export async function benchLedger(progress: (line: string) => void = () => {}): Promise<LedgerBench> {
  const rows: LedgerBenchRow[] = []
  const ledgerOver: LedgerBench['ledgerOver'][number][] = []
  for (const accounts of ACCOUNTS) {
    const random = randomFrom(accounts)
    const order = Uint32Array.from({ length: ORDER }, () => Math.floor(random() * accounts))
    const all = contenders(accounts).map((contender): Measured => {
      return { contender, rates: [], decided: 0, admitted: 0 }
    })
    for (let round = -1; round < ROUNDS; round++) {
      for (const measured of all) await turn(measured, order)
      if (round < 0) for (const measured of all) measured.rates.length = 0
    }
    for (const measured of all) {
      const { contender, rates, decided, admitted } = measured
      const heapBytes = await heapPerDecision(measured, order)
      const decisionsPerSecond = spreadOf(rates)
      rows.push({
        accounts,
        name: contender.name,
        decisionsPerSecond,
        heapBytes,
        admitted: admitted / decided,
      })
      progress(`${accounts} accounts, ${contender.name}: ${millions(decisionsPerSecond)} M/s`)
    }
    const [ledger] = all
    for (const { contender, rates } of all.slice(1)) {
      if (contender === CLOCK) continue
      ledgerOver.push({ accounts, name: contender.name, ratio: pairedRatio(ledger!.rates, rates) })
    }
  }
  return { rows, ledgerOver }
}

function millions({ median, low, high, rounds }: Spread): string {
  return formatSpread({ median: median / 1e6, low: low / 1e6, high: high / 1e6, rounds }, 2)
}

/** The rows as people read them. */
export function ledgerTable({ rows }: LedgerBench): object[] {
  return rows.map(({ accounts, name, decisionsPerSecond, heapBytes, admitted }) => ({
    accounts,
    name,
    'M decisions/s': millions(decisionsPerSecond),
    'heap bytes each': Number(heapBytes.toFixed(1)),
    'admitted %': Number((admitted * 100).toFixed(1)),
  }))
}

if (import.meta.main) {
  const result = await benchLedger((line) => process.stderr.write(`${line}\n`))
  if (process.argv.includes('--json')) console.log(JSON.stringify(result, null, 2))
  else console.table(ledgerTable(result))
}
