import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { JournalEvent, NodeView } from '../src/core/coordinator-api.ts'
import type { MigrationView } from '../src/core/migration-view.ts'
import type { EnergyView, PlanSummary, PlanView } from '../src/core/placement.ts'
import { type LoadResult, runLoad } from './load/run.ts'
import { ExampleHook, type Heard } from './night/hook.ts'
import { LocalStint } from './run/local.ts'

interface Options {
  readonly port: number
  readonly hookPort: number
}

/** What a day, a night and a morning on three nodes came to. */
export interface NightReport {
  /** From the moment the load fell, and from the moment it rose, ms. */
  readonly asleepAfterMs: number
  readonly wokeAfterMs: number
  readonly slept: string
  /** Tenants that left it, and how many bundles they left it in. */
  readonly movedTogether: number
  readonly bundles: number
  readonly heard: readonly Pick<Heard, 'action' | 'node' | 'answered'>[]
  readonly offered: number
  readonly refused: number
  readonly failed: number
  readonly energy: readonly Pick<EnergyView, 'node' | 'wh' | 'standbyWh' | 'watts'>[]
  readonly faults: readonly string[]
}

const NODES = ['n1', 'n2', 'n3']
const CAPACITY = 100
const BASE = 30
/** Requests/s of every tenant; both are inside its base. */
const DAY = 20
const NIGHT = 3

const tenants = NODES.flatMap((node) => ['a', 'b'].map((it) => ({ name: `${it}-${node}`, node })))

/** Two tenants on each of three nodes: pinned at first, so that they start spread. */
function manifest(pinned: boolean): string {
  const power = 'power: { idleWatts: 80, peakWatts: 130 }, standbyWatts: 5, wakeMs: 1000'
  const nodes = NODES.map(
    (name) =>
      `apiVersion: stint/v1\nkind: Node\nmetadata: { name: ${name} }\nspec: { capacity: ${CAPACITY}, ${power} }`,
  )
  const all = tenants.map(
    ({ name, node }) =>
      `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name} }\n` +
      `spec: { base: ${BASE}, hosts: [${name}.localhost]${pinned ? `, node: ${node}` : ''} }`,
  )
  return [...nodes, ...all].join('\n---\n')
}

/** Minutes and hours of the real settings as seconds, so that a night passes in one minute. */
export const HURRIED = {
  mode: 'automatic',
  profile: 'eco',
  everyMs: 1_000,
  forecastGain: 0.5,
  planner: {
    sleepAfterMs: 3_000,
    wakeAfterMs: 1_000,
    minStayMs: 2_000,
    minUpMs: 5_000,
    nodesPerHour: 1,
    tenantsPerHour: 1,
    recheckMs: 1_000,
  },
} as const

/**
 * Three nodes by day, load falls, the tenants of one leave together and it is put to standby; load rises,
 * and it is woken. All the time every tenant stays inside its base, so nobody may be refused.
 */
export async function nightAndDay(options: Options, tell: (text: string) => void): Promise<NightReport> {
  const secret = randomBytes(32).toString('hex')
  const hook = new ExampleHook(secret)
  await hook.listen(options.hookPort)
  const vars = { STINT_HOOKS: `127.0.0.1:${options.hookPort}`, STINT_HOOK_SECRET: secret }
  const stint = await LocalStint.start(options.port, manifest(true), { vars }).catch(async (error) => {
    await hook.close()
    throw error
  })
  const faults: string[] = []
  hook.onCommand = async ({ action, node }) => {
    if (action === 'standby') faults.push(...(await stillOn(stint, node)))
  }
  const loads: LoadResult[] = []
  const during = async <T>(perSecond: number, work: () => Promise<T>): Promise<T> => {
    const end = new AbortController()
    const offered = tenants.map(({ name }) => ({ name, perSecond }))
    const load = runLoad({ tenants: offered, seconds: 600, port: options.port, pauseMs: 100 }, end.signal)
    try {
      return await work()
    } finally {
      end.abort()
      loads.push(await load)
    }
  }
  try {
    await until('every tenant is served', async () => (await stint.admin.placements()).length === 6)
    tell(`day: ${6 * DAY} requests/s on three nodes`)
    const placement = { ...HURRIED, hook: { url: `http://127.0.0.1:${options.hookPort}/power` } }
    await during(DAY, async () => {
      await sleep(3_000) // measured before the planner may act on it
      await stint.admin.json('PUT', '/placement', placement)
      await stint.admin.apply(manifest(false))
      await sleep(6_000)
    })
    const byDay = await phases(stint)
    tell(`night: ${6 * NIGHT} requests/s`)
    const fellMs = Date.now()
    const slept = await during(NIGHT, async () => {
      let asleep = ''
      await until('a node sleeps', async () => {
        asleep =
          NODES.find((node) => hook.heard.some((it) => it.node === node && it.action === 'standby')) ?? ''
        return asleep !== '' && (await phases(stint)).get(asleep) === 'Standby'
      })
      return { node: asleep, atMs: Date.now() }
    })
    tell(`${slept.node} sleeps after ${slept.atMs - fellMs} ms`)
    tell(`morning: ${6 * DAY} requests/s`)
    const roseMs = Date.now()
    const wokeMs = await during(DAY, async () => {
      await until('it is awake', async () => (await phases(stint)).get(slept.node) === 'Ready')
      const awakeMs = Date.now()
      await sleep(3_000)
      return awakeMs
    })
    tell(`${slept.node} is awake after ${wokeMs - roseMs} ms`)
    for (const node of NODES) if (byDay.get(node) !== 'Ready') faults.push(`${node} slept by day`)
    const times = { asleepAfterMs: slept.atMs - fellMs, wokeAfterMs: wokeMs - roseMs }
    return { ...times, slept: slept.node, ...(await summary(stint, slept.node, hook, loads, faults)) }
  } finally {
    await stint.dispose()
    await hook.close()
  }
}

/** What a node owns or forwards at the moment its hook is told to put it to standby: it must be nothing. */
async function stillOn(stint: LocalStint, node: string): Promise<string[]> {
  const placements = await stint.admin.placements()
  const { items } = await stint.admin.json<{ items: MigrationView[] }>(
    'GET',
    '/migrations?open=true&limit=500',
  )
  return [
    ...placements
      .filter((it) => it.node === node)
      .map(({ tenant }) => `${tenant} is on ${node}, told to sleep`),
    ...items.filter(({ from, to }) => from === node || to === node).map(({ id }) => `${id} passes ${node}`),
  ]
}

async function summary(
  stint: LocalStint,
  slept: string,
  hook: ExampleHook,
  loads: readonly LoadResult[],
  faults: string[],
) {
  const { items: plans } = await stint.admin.json<{ items: PlanSummary[] }>('GET', '/plans?limit=100')
  const emptied = plans.find(({ standby, state }) => state === 'done' && standby.includes(slept))
  const plan =
    emptied &&
    (await stint.admin.json<PlanView>('GET', `/plans/${emptied.id}`)).moves.filter(
      ({ from, state }) => from === slept && state === 'done',
    )
  const { items: energy } = await stint.admin.json<{ items: EnergyView[] }>('GET', '/energy')
  const { items: events } = await stint.admin.json<{ items: JournalEvent[] }>(
    'GET',
    `/events?kind=Node&name=${slept}&limit=500`,
  )
  for (const reason of ['Draining', 'Standby', 'Waking', 'Awake']) {
    if (!events.some((event) => event.reason === reason)) faults.push(`${slept} was never ${reason}`)
  }
  const results = loads.flatMap((load) => load.tenants)
  const sum = (key: 'offered' | 'refused' | 'failed') =>
    results.reduce((total, result) => total + result[key], 0)
  if (sum('refused') > 0) faults.push(`${sum('refused')} requests inside a base were refused`)
  return {
    movedTogether: plan?.length ?? 0,
    bundles: new Set(plan?.map(({ bundle }) => bundle)).size,
    heard: hook.heard.map(({ action, node, answered }) => ({ action, node, answered })),
    offered: sum('offered'),
    refused: sum('refused'),
    failed: sum('failed'),
    energy: energy.map(({ node, wh, standbyWh, watts }) => ({ node, wh, standbyWh, watts })),
    faults,
  }
}

async function phases(stint: LocalStint): Promise<Map<string, string>> {
  const { items } = await stint.admin.json<{ items: NodeView[] }>('GET', '/nodes')
  return new Map(items.map(({ manifest: { metadata }, status }) => [metadata.name, status.phase]))
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 120_000
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`waited 120 s in vain until ${what}`)
    await sleep(250)
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('1 to 65535')
  return value
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command('night')
    .description('Three nodes: at night one of them falls asleep, in the morning it is woken.')
    .option('--port <port>', 'port on 127.0.0.1', port, 8797)
    .option('--hook-port <port>', 'port of the example hook', port, 8798)
    .action(async (options: Options) => {
      const report = await nightAndDay(options, (text) => console.error(`night: ${text}`))
      console.log(JSON.stringify(report, null, 2))
      if (report.faults.length > 0) process.exitCode = 1
    })
    .parseAsync()
    .catch((error: unknown) => {
      console.error(`night: ${error instanceof Error ? error.message : error}`)
      process.exitCode = 1
    })
}
