import * as hdr from 'hdr-histogram-js'
import { toMicro, toTokens } from '../../src/core/amount.ts'
import type { MigrationView } from '../../src/core/migration-view.ts'
import { type LoadResult, runLoad } from '../load/run.ts'
import { LocalStint } from '../run/local.ts'

/** Where tenants are moved, how often, and how many requests/s all of them get together. */
export interface MovesOptions {
  readonly port: number
  readonly moves: number
  readonly perSecond: number
}

/** What became of tenants that were moved again and again under load. Latencies in ms. */
export interface MovesReport {
  readonly moves: number
  readonly done: number
  readonly seconds: number
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  /** As the nodes' accounts have it, when all leases have lapsed; tokens. */
  readonly admittedByNodes: number
  readonly spentByNodes: number
  readonly presumedByNodes: number
  /** What the ledgers handed out. */
  readonly handedOut: number
  /** Requests of all tenants outside moves and during them, and of the tenant that moves. */
  readonly still: Latency
  readonly moving: Latency
  readonly movingTenant: Latency
  /** From the plan to the commit, and until the source was released. */
  readonly commitMs: { readonly p50: number; readonly p99: number }
  readonly endMs: { readonly p50: number; readonly p99: number }
  readonly faults: readonly string[]
}

interface Latency {
  readonly requests: number
  readonly p50: number
  readonly p99: number
}

/** One request that was admitted, on the clock of `performance.now()`. */
interface Sample {
  readonly tenant: string
  readonly fromMs: number
  readonly untilMs: number
}

interface Phase {
  readonly fromMs: number
  readonly untilMs: number
  /** Absent where nothing moves. */
  readonly tenant?: string
}

const TENANTS = ['a', 'b', 'c', 'd', 'e']
const NODES = ['n1', 'n2', 'n3']
const WARM_MS = 5_000
/** Until every lease has lapsed and every use is reported. */
const SETTLE_MS = 5_000
/** Most moves have ended before the first question. */
const POLL_MS = 400
/** After a question, until the next phase begins. */
const CALM_MS = 50
/** The bound. */
const MAX_RATIO = 1.5

/** Every node has room for all five, and each tenant twice the load it gets. */
function manifest(perTenant: number): string {
  const nodes = NODES.map((name) => ({
    kind: 'Node',
    metadata: { name },
    spec: { capacity: perTenant * 40 },
  }))
  const tenants = TENANTS.map((name) => {
    return { kind: 'Tenant', metadata: { name }, spec: { base: perTenant * 2, hosts: [`${name}.localhost`] } }
  })
  return [...nodes, ...tenants].map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
}

/**
 * Moves tenants between three nodes, one after another, while all of them have traffic. After each move nothing
 * moves for as long as it took, so that both are measured in one run. In neither is anything asked but for the move
 * itself: when it ended is read afterwards.
 */
export async function moveUnderLoad(
  { port, moves, perSecond }: MovesOptions,
  onMove: (done: number) => void,
): Promise<MovesReport> {
  const perTenant = perSecond / TENANTS.length
  const stint = await LocalStint.start(port, manifest(perTenant))
  const enough = new AbortController()
  try {
    const samples: Sample[] = []
    const load = runLoad({
      tenants: TENANTS.map((name) => ({ name, perSecond: perTenant })),
      seconds: 3_600,
      port,
      pauseMs: 500,
      enough: enough.signal,
      onOutcome: (tenant, fromMs, latencyMs, outcome) => {
        if ('status' in outcome) samples.push({ tenant, fromMs, untilMs: fromMs + latencyMs })
      },
    })
    await pause(WARM_MS)
    const phases: Phase[] = []
    const ended: MigrationView[] = []
    for (let i = 0; i < moves; i++) {
      const tenant = TENANTS[i % TENANTS.length]!
      const to = await elsewhere(stint, tenant, i)
      await pause(CALM_MS)
      const fromMs = performance.now()
      const move = await moveOnce(stint, tenant, to)
      ended.push(move)
      const untilMs = move.endedMs! - performance.timeOrigin
      await pause(CALM_MS)
      const stillMs = performance.now()
      await pause(untilMs - fromMs)
      phases.push({ tenant, fromMs, untilMs }, { fromMs: stillMs, untilMs: performance.now() })
      onMove(i + 1)
    }
    enough.abort()
    const result = await load
    await pause(SETTLE_MS)
    return report(result, samples, phases, ended, await totals(stint))
  } finally {
    enough.abort()
    await stint.dispose()
  }
}

async function elsewhere(stint: LocalStint, tenant: string, turn: number): Promise<string> {
  const from = (await stint.admin.placements()).find((it) => it.tenant === tenant)!.node
  return NODES.filter((node) => node !== from)[turn % 2]!
}

async function moveOnce(stint: LocalStint, tenant: string, to: string): Promise<MigrationView> {
  const begun = await stint.admin.migrate(tenant, to)
  const untilMs = Date.now() + 60_000
  for (;;) {
    await pause(POLL_MS)
    const now = (await stint.admin.migrations(tenant)).find(({ id }) => id === begun.id)
    if (now?.endedMs !== undefined) return now
    if (Date.now() > untilMs) throw new Error(`${begun.id} is ${now?.phase} after a minute`)
  }
}

/** Requests, and micro-tokens: sums of tokens with decimals would be off by what doubles cannot say. */
interface Totals {
  readonly admitted: number
  readonly spent: number
  readonly presumed: number
  readonly handedOut: number
}

async function totals(stint: LocalStint): Promise<Totals> {
  const sum = { admitted: 0, spent: 0, presumed: 0, handedOut: 0 }
  for (const { usage, spentTotal } of await stint.admin.accounts()) {
    sum.admitted += usage.admitted
    sum.spent += toMicro(usage.spent)
    sum.presumed += toMicro(usage.presumed)
    sum.handedOut += toMicro(spentTotal)
  }
  return sum
}

function report(
  result: LoadResult,
  samples: readonly Sample[],
  phases: readonly Phase[],
  ended: readonly MigrationView[],
  { admitted, spent, presumed, handedOut }: Totals,
): MovesReport {
  const clients = (key: 'admitted' | 'refused' | 'failed') =>
    result.tenants.reduce((total, tenant) => total + tenant[key], 0)
  const { still, moving, movingTenant } = latencies(samples, phases)
  const done = ended.filter(({ phase }) => phase === 'DONE')
  const faults: string[] = []
  if (done.length < ended.length) faults.push(`${ended.length - done.length} moves did not end in DONE`)
  if (clients('refused') + clients('failed') > 0) {
    faults.push(`${clients('refused')} refused, ${clients('failed')} failed`)
  }
  if (admitted !== clients('admitted') || spent !== toMicro(admitted)) {
    faults.push(
      `${clients('admitted')} admitted, the nodes counted ${admitted} and ${toTokens(spent)} tokens`,
    )
  }
  if (handedOut !== spent + presumed) {
    faults.push(`micro-tokens: ${handedOut} handed out, ${spent} spent and ${presumed} presumed spent`)
  }
  for (const [whose, { p99 }] of Object.entries({ all: moving, 'the moving tenant': movingTenant })) {
    if (p99 > MAX_RATIO * still.p99) faults.push(`p99 of ${whose} during moves ${p99} ms, else ${still.p99}`)
  }
  return {
    moves: ended.length,
    done: done.length,
    seconds: Math.round(result.seconds),
    admitted: clients('admitted'),
    refused: clients('refused'),
    failed: clients('failed'),
    admittedByNodes: admitted,
    spentByNodes: toTokens(spent),
    presumedByNodes: toTokens(presumed),
    handedOut: toTokens(handedOut),
    still,
    moving,
    movingTenant,
    commitMs: durations(done, 'COMMITTED'),
    endMs: durations(done, 'DONE'),
    faults,
  }
}

/** A request that was under way while something moved, however briefly, counts as during a move. */
function latencies(samples: readonly Sample[], phases: readonly Phase[]) {
  const measured = { still: histogram(), moving: histogram(), movingTenant: histogram() }
  let at = 0
  for (const { tenant, fromMs, untilMs } of samples.toSorted((a, b) => a.fromMs - b.fromMs)) {
    while (at < phases.length && phases[at]!.untilMs <= fromMs) at++
    const phase = phases[at]
    if (phase === undefined) break
    if (phase.fromMs >= untilMs) continue
    const us = Math.max(1, Math.round((untilMs - fromMs) * 1_000))
    ;(phase.tenant === undefined ? measured.still : measured.moving).recordValue(us)
    if (phase.tenant === tenant) measured.movingTenant.recordValue(us)
  }
  const { still, moving, movingTenant } = measured
  return { still: latencyOf(still), moving: latencyOf(moving), movingTenant: latencyOf(movingTenant) }
}

function histogram(): hdr.Histogram {
  return hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000 })
}

function latencyOf(us: hdr.Histogram): Latency {
  const ms = (percent: number) => us.getValueAtPercentile(percent) / 1_000
  return { requests: us.totalCount, p50: ms(50), p99: ms(99) }
}

/** From the plan until a phase began. */
function durations(moves: readonly MigrationView[], phase: string) {
  const took = moves
    .map(({ startedMs, steps }) => steps.find((step) => step.phase === phase)!.atMs - startedMs)
    .sort((a, b) => a - b)
  const at = (part: number) => took[Math.min(took.length - 1, Math.floor(took.length * part))] ?? 0
  return { p50: at(0.5), p99: at(0.99) }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
