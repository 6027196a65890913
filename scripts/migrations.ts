import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { MigrationView } from '../src/core/migration-view.ts'
import { type LoadResult, runLoad } from './load/run.ts'
import { crashEverywhere } from './migrations/crash.ts'
import { drainUnderLoad } from './migrations/drain.ts'
import { killWhileMoving } from './migrations/kills.ts'
import { LocalStint } from './run/local.ts'

interface Options {
  readonly moves: number
  readonly port: number
  readonly perSecond: number
  readonly crash?: true
  readonly kills?: number
  readonly drain?: number
  readonly seed: number
}

/** What became of tenants that were moved again and again under load. */
export interface MigrationsReport {
  readonly moves: number
  readonly done: number
  readonly offered: number
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  readonly admittedByNodes: number
  readonly p99StillMs: number
  readonly p99MovingMs: number
  readonly medianMoveMs: number
  readonly faults: readonly string[]
}

const TENANTS = ['a', 'b', 'c', 'd', 'e']
const NODES = ['n1', 'n2', 'n3']

/** Every node has room for all five, and each tenant twice the load it gets. */
function manifest(perTenant: number): string {
  const nodes = NODES.map(
    (name) =>
      `apiVersion: stint/v1\nkind: Node\nmetadata: { name: ${name} }\nspec: { capacity: ${perTenant * 40} }`,
  )
  const tenants = TENANTS.map(
    (name) =>
      `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: { base: ${perTenant * 2}, hosts: [${name}.localhost] }`,
  )
  return [...nodes, ...tenants].join('\n---\n')
}

/** Moves tenants between three nodes, one after another, while all of them have traffic. */
export async function moveUnderLoad(
  options: Options,
  onMove: (done: number) => void,
): Promise<MigrationsReport> {
  const perTenant = options.perSecond / TENANTS.length
  const stint = await LocalStint.start(options.port, manifest(perTenant))
  const load = (seconds: number, signal?: AbortSignal) =>
    runLoad(
      {
        tenants: TENANTS.map((name) => ({ name, perSecond: perTenant })),
        seconds,
        port: options.port,
        pauseMs: 500,
      },
      signal,
    )
  try {
    await load(3) // routes are learnt, code is warm
    const still = await load(10)
    const end = new AbortController()
    const moving = load(3_600, end.signal)
    const moves: MigrationView[] = []
    for (let i = 0; i < options.moves; i++) {
      moves.push(await moveOnce(stint, TENANTS[i % TENANTS.length]!, i))
      onMove(i + 1)
    }
    end.abort()
    const moved = await moving
    await new Promise((resolve) => setTimeout(resolve, 5_000)) // what is under way is reported
    const accounts = await stint.admin.accounts()
    const admittedByNodes = accounts.reduce((sum, { usage }) => sum + usage.admitted, 0)
    return report(still, moved, moves, admittedByNodes - 3 * options.perSecond)
  } finally {
    await stint.dispose()
  }
}

async function moveOnce(stint: LocalStint, tenant: string, turn: number): Promise<MigrationView> {
  const accounts = await stint.admin.placements()
  const from = accounts.find((it) => it.tenant === tenant)!.node
  const to = NODES.filter((node) => node !== from)[turn % 2]!
  const begun = await stint.admin.migrate(tenant, to)
  const untilMs = Date.now() + 60_000
  for (;;) {
    const now = (await stint.admin.migrations(tenant)).find(({ id }) => id === begun.id)
    if (now?.endedMs !== undefined) return now
    if (Date.now() > untilMs) throw new Error(`${begun.id} is ${now?.phase} after a minute`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function report(
  still: LoadResult,
  moved: LoadResult,
  moves: readonly MigrationView[],
  admittedByNodes: number,
): MigrationsReport {
  const sum = (key: 'offered' | 'admitted' | 'refused' | 'failed') =>
    moved.tenants.reduce((total, tenant) => total + tenant[key], 0)
  const worst = (result: LoadResult) => Math.max(...result.tenants.map(({ p99Ms }) => p99Ms))
  const stillAdmitted = still.tenants.reduce((total, tenant) => total + tenant.admitted, 0)
  const done = moves.filter(({ phase }) => phase === 'DONE')
  const took = done.map((move) => committedMs(move)).sort((a, b) => a - b)
  const faults: string[] = []
  if (done.length < moves.length) faults.push(`${moves.length - done.length} migrations did not end in DONE`)
  if (sum('refused') + sum('failed') > 0) faults.push(`${sum('refused')} refused, ${sum('failed')} failed`)
  const unanswered = sum('offered') - sum('admitted') - sum('refused') - sum('failed')
  const expected = stillAdmitted + sum('admitted')
  if (admittedByNodes < expected || admittedByNodes > expected + unanswered) {
    faults.push(
      `the nodes counted ${admittedByNodes} admitted, the clients ${expected} (+ ${unanswered} unanswered)`,
    )
  }
  return {
    moves: moves.length,
    done: done.length,
    offered: sum('offered'),
    admitted: sum('admitted'),
    refused: sum('refused'),
    failed: sum('failed'),
    admittedByNodes: admittedByNodes - stillAdmitted,
    p99StillMs: worst(still),
    p99MovingMs: worst(moved),
    medianMoveMs: took[Math.floor(took.length / 2)] ?? 0,
    faults,
  }
}

/** From the plan to the commit: how long until the tenant lives elsewhere. */
function committedMs({ startedMs, steps }: MigrationView): number {
  return (steps.find(({ phase }) => phase === 'COMMITTED')?.atMs ?? startedMs) - startedMs
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0')
  return value
}

function experiment(options: Options): Promise<readonly string[]> {
  if (options.crash) return crash(options)
  if (options.kills !== undefined) return kills(options, options.kills)
  if (options.drain !== undefined) return drain(options, options.drain)
  return moves(options)
}

async function kills({ port, seed }: Options, kills: number): Promise<readonly string[]> {
  const where = { port, inspectPort: port + 1, kills, seed }
  const report = await killWhileMoving(where, (done) => say(`${done} of ${kills} kills`))
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function drain({ port }: Options, tenants: number): Promise<readonly string[]> {
  const report = await drainUnderLoad({ port, tenants }, say)
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function moves(options: Options): Promise<readonly string[]> {
  const report = await moveUnderLoad(options, (done) => {
    if (done % 10 === 0) console.error(`migrations: ${done} of ${options.moves}`)
  })
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function crash({ port }: Options): Promise<readonly string[]> {
  const outcomes = await crashEverywhere({ port, inspectPort: port + 1 }, say)
  console.table(outcomes.map(({ faults, ...columns }) => ({ ...columns, faults: faults.length })))
  return complain(outcomes.flatMap(({ faults }) => faults))
}

function complain(faults: readonly string[]): readonly string[] {
  for (const fault of faults) say(fault)
  return faults
}

function say(text: string): void {
  console.error(`migrations: ${text}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command('migrations')
    .description('Moves five tenants between three nodes, one move after another, while all have traffic.')
    .option('--moves <n>', 'how many', whole, 200)
    .option('--per-second <n>', 'requests per second of all tenants together', whole, 500)
    .option('--port <port>', 'port on 127.0.0.1; the next one is used too', whole, 8795)
    .option('--crash', 'instead: SIGKILL while migrations are held at each crash point of the protocol')
    .option('--kills <n>', 'instead: SIGKILL at random moments while all tenants move', whole)
    .option('--drain <n>', 'instead: drain a node of so many tenants', whole)
    .option('--seed <n>', 'seed of the moments', whole, 1)
    .action(async (options: Options) => {
      const faults = await experiment(options)
      if (faults.length > 0) process.exitCode = 1
    })
    .parseAsync()
    .catch((error: unknown) => {
      console.error(`migrations: ${error instanceof Error ? error.message : error}`)
      process.exitCode = 1
    })
}
