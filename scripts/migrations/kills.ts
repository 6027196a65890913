import { runLoad } from '../load/run.ts'
import { LocalStint } from '../run/local.ts'
import { type Random, randomFrom } from '../simulate/random.ts'
import type { CrashPorts } from './crash.ts'
import { ended, faultsOf, HELD_WORKER, served, until, whereabouts } from './observe.ts'

/** What became of tenants that were moved all the time while everything was killed again and again. */
export interface KillsReport {
  readonly kills: number
  readonly moves: number
  readonly done: number
  readonly aborted: number
  /** Kills that met at least one migration that was open. */
  readonly metOpen: number
  readonly admittedByClients: number
  readonly admittedByNodes: number
  readonly faults: readonly string[]
}

const TENANTS = ['a', 'b', 'c', 'd', 'e']
const NODES = ['n1', 'n2', 'n3']
const PER_SECOND = 20
/** Short, so that leases lapse soon: a source that was restarted waits for that. */
const ROUND_MS = 200

function manifest(): string {
  const spec = { capacity: 1_000, roundMs: ROUND_MS }
  const nodes = NODES.map((name) => ({ kind: 'Node', metadata: { name }, spec }))
  const tenants = TENANTS.map((name) => {
    return { kind: 'Tenant', metadata: { name }, spec: { base: 100, hosts: [`${name}.localhost`] } }
  })
  return [...nodes, ...tenants].map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
}

/** Moves tenants as fast as they can be moved, kills everything (SIGKILL) at random moments, and looks. */
export async function killWhileMoving(
  { port, inspectPort, kills, seed }: CrashPorts & { readonly kills: number; readonly seed: number },
  onKill: (done: number) => void,
): Promise<KillsReport> {
  const stint = await LocalStint.start(port, manifest(), {
    worker: HELD_WORKER,
    entrypoints: { Inspect: inspectPort },
  })
  const random = randomFrom(seed)
  const faults: string[] = []
  const end = new AbortController()
  let probes = 0
  let metOpen = 0
  const serveAll = async () => {
    for (const tenant of TENANTS) probes += await served(port, tenant)
  }
  try {
    await serveAll()
    const tenants = TENANTS.map((name) => ({ name, perSecond: PER_SECOND }))
    const load = runLoad({ tenants, seconds: 3_600, port, timeoutMs: 2_000 }, end.signal)
    for (let kill = 1; kill <= kills; kill++) {
      const moving = new AbortController()
      const moves = TENANTS.map((tenant) => moveOn(stint, tenant, random, moving.signal))
      await new Promise((resolve) => setTimeout(resolve, 200 + random() * 1_500))
      const before = await whereabouts(inspectPort, NODES, TENANTS)
      await new Promise((resolve) => setTimeout(resolve, random() * 50))
      moving.abort()
      await stint.kill()
      await Promise.all(moves)
      await stint.restart()
      if ((await stint.admin.openMigrations()).length > 0) metOpen++
      await settled(stint)
      await serveAll()
      const owners = await ownersOf(stint)
      for (const [tenant, now] of await whereabouts(inspectPort, NODES, TENANTS)) {
        // A committed source may still forward: that is looked at when all is over.
        faults.push(
          ...faultsOf(tenant, owners.get(tenant), { ...now, onTheWay: [] }, before.get(tenant)!.admitted),
        )
      }
      onKill(kill)
    }
    end.abort()
    const result = await load
    const last = await Promise.all(TENANTS.map((tenant) => ended(stint, tenant)))
    await stint.admin.accounts() // makes what the nodes have heard durable
    const now = await whereabouts(inspectPort, NODES, TENANTS)
    const owners = await ownersOf(stint)
    for (const { tenant } of last) faults.push(...faultsOf(tenant, owners.get(tenant), now.get(tenant)!, 0))
    const sum = (key: 'admitted' | 'refused') => result.tenants.reduce((total, it) => total + it[key], 0)
    const admittedByNodes = [...now.values()].reduce((total, { admitted }) => total + admitted, 0)
    const atMost = TENANTS.length * (Math.ceil(result.seconds * PER_SECOND) + 1) - sum('refused') + probes
    if (admittedByNodes > atMost) faults.push(`${admittedByNodes} admitted, at most ${atMost} asked for`)
    const all = await stint.admin.allMigrations()
    const count = (phase: string) => all.filter((it) => it.phase === phase).length
    return {
      kills,
      moves: all.length,
      done: count('DONE'),
      aborted: count('ABORTED'),
      metOpen,
      admittedByClients: sum('admitted') + probes,
      admittedByNodes,
      faults,
    }
  } finally {
    end.abort()
    await stint.dispose()
  }
}

/** Moves a tenant again and again, and now and then asks for the abort of it; what is refused or lost is tried again. */
async function moveOn(stint: LocalStint, tenant: string, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const from = (await ownersOf(stint)).get(tenant)
      const others = NODES.filter((node) => node !== from)
      await stint.admin.migrate(tenant, others[Math.floor(random() * others.length)]!)
      if (random() < 0.2) await stint.admin.abortMigration(tenant)
    } catch {
      // One is open still, it is too late for an abort, or all was killed just now.
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Waits until no migration can go either way any more: committed ones only have their source to release. */
async function settled(stint: LocalStint): Promise<void> {
  await until('all migrations decided', async () => {
    const open = await stint.admin.openMigrations()
    return open.every(({ phase }) => phase === 'COMMITTED') ? true : undefined
  })
}

async function ownersOf(stint: LocalStint): Promise<Map<string, string>> {
  return new Map((await stint.admin.placements()).map(({ tenant, node }) => [tenant, node]))
}
