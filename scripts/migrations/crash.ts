import { type LoadResult, runLoad } from '../load/run.ts'
import { LocalStint } from '../run/local.ts'
import { ask, ended, faultsOf, HELD_WORKER, served, until, whereabouts } from './observe.ts'
import { type CrashCase, crashCases, holdsOf } from './points.ts'

/** What became of a migration that was held at a crash point when everything was killed. */
export interface CrashOutcome extends Pick<CrashCase, 'tenant' | 'point' | 'what'> {
  /** How the migration ended. */
  readonly ended: string
  /** From the moment it listens again, ms. */
  readonly endedAfterMs: number
  /** Requests counted durably when it was killed, in the end, and by its clients. */
  readonly acknowledged: number
  readonly admittedByNodes: number
  readonly admittedByClients: number
  readonly faults: readonly string[]
}

/** Where the crash experiment listens. */
export interface CrashPorts {
  readonly port: number
  readonly inspectPort: number
}

const PER_SECOND = 4
/** Short, so that leases lapse soon: a source that was restarted waits for that. */
const ROUND_MS = 200

/** The nodes a case moves between: its own, for a node that is held in one migration answers for no other. */
function nodesOf({ tenant, second }: CrashCase): string[] {
  return (second ? ['a', 'b', 'c'] : ['a', 'b']).map((node) => `${tenant}-${node}`)
}

function manifest(cases: readonly CrashCase[]): string {
  const documents = cases.flatMap((each) => {
    const { tenant } = each
    const nodes = nodesOf(each).map((name) => {
      return { kind: 'Node', metadata: { name }, spec: { capacity: 100, zone: tenant, roundMs: ROUND_MS } }
    })
    const spec = { base: 20, hosts: [`${tenant}.localhost`], zones: [tenant] }
    return [...nodes, { kind: 'Tenant', metadata: { name: tenant }, spec }]
  })
  return documents.map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
}

/**
 * Begins a migration of each tenant under light load, waits until each is held at its crash point, kills the
 * whole tree (SIGKILL), restarts it without the holds, and looks at what has become of each.
 */
export async function crashEverywhere(
  ports: CrashPorts,
  say: (text: string) => void,
): Promise<CrashOutcome[]> {
  const cases = crashCases()
  const holds = cases.flatMap(holdsOf)
  const stint = await LocalStint.start(ports.port, manifest(cases), {
    worker: HELD_WORKER,
    entrypoints: { Inspect: ports.inspectPort },
    vars: { STINT_HOLD: holds.join(',') },
  })
  const end = new AbortController()
  try {
    const probes = await Promise.all(cases.map(({ tenant }) => served(ports.port, tenant)))
    await begin(
      stint,
      cases.filter(({ second }) => second),
    )
    await Promise.all(cases.filter(({ second }) => second).map(({ tenant }) => ended(stint, tenant)))
    say('first moves done; load begins')
    const load = runLoad(
      {
        tenants: cases.map(({ tenant }) => ({ name: tenant, perSecond: PER_SECOND })),
        seconds: 3_600,
        port: ports.port,
        timeoutMs: 2_000,
      },
      end.signal,
    )
    await begin(stint, cases)
    await allReached(ports, holds, say)
    for (const { tenant, abort } of cases) if (abort) await askAbort(stint, tenant)
    const killed = await whereabouts(ports.inspectPort, cases.flatMap(nodesOf), tenantsOf(cases))
    await stint.kill()
    say('killed; starting again')
    await stint.restart({ STINT_HOLD: '' })
    const startedMs = Date.now()
    const ends = await Promise.all(
      cases.map(async ({ tenant }) => ({ ...(await ended(stint, tenant)), afterMs: Date.now() - startedMs })),
    )
    const probesAfter = await Promise.all(cases.map(({ tenant }) => served(ports.port, tenant)))
    end.abort()
    const clients = await load
    await stint.admin.accounts() // makes what the nodes have heard durable
    const now = await whereabouts(ports.inspectPort, cases.flatMap(nodesOf), tenantsOf(cases))
    const owners = new Map((await stint.admin.placements()).map(({ tenant, node }) => [tenant, node]))
    return cases.map(({ tenant, point, what }, i) => {
      const after = now.get(tenant)!
      const acknowledged = killed.get(tenant)!.admitted
      const faults = faultsOf(tenant, owners.get(tenant), after, acknowledged)
      const byClients = clientsOf(clients, tenant)
      const atMost = byClients.atMost + probes[i]! + probesAfter[i]!
      if (after.admitted > atMost) {
        faults.push(`${tenant}: ${after.admitted} admitted, at most ${atMost} asked for`)
      }
      return {
        tenant,
        point,
        what,
        ended: ends[i]!.phase,
        endedAfterMs: ends[i]!.afterMs,
        acknowledged,
        admittedByNodes: after.admitted,
        admittedByClients: byClients.admitted,
        faults,
      }
    })
  } finally {
    end.abort()
    await stint.dispose()
  }
}

async function begin(stint: LocalStint, cases: readonly CrashCase[]): Promise<void> {
  const placements = await stint.admin.placements()
  for (const each of cases) {
    const from = placements.find((it) => it.tenant === each.tenant)!.node
    const nodes = nodesOf(each)
    await stint.admin.migrate(each.tenant, nodes[(nodes.indexOf(from) + 1) % nodes.length]!)
  }
}

async function allReached(ports: CrashPorts, holds: readonly string[], say: (text: string) => void) {
  let missing = holds
  await until('all crash points', async () => {
    const reached = new Set(await ask<string[]>(ports.inspectPort, 'reached'))
    missing = holds.filter((hold) => !reached.has(hold))
    return missing.length === 0 ? true : undefined
  }).catch((error: unknown) => {
    throw new Error(`never reached: ${missing.join(', ')}`, { cause: error })
  })
  say(`${holds.length} holds reached`)
}

/** Asks for an abort; that it is too late for one is an answer too. */
async function askAbort(stint: LocalStint, tenant: string): Promise<void> {
  await stint.admin.abortMigration(tenant).catch((error: unknown) => {
    if (!(error instanceof Error && error.message.includes('can only be completed'))) throw error
  })
}

function tenantsOf(cases: readonly CrashCase[]): string[] {
  return cases.map(({ tenant }) => tenant)
}

/** What the clients of the load know: what was admitted, and what may have been. */
function clientsOf({ tenants, seconds }: LoadResult, name: string): { admitted: number; atMost: number } {
  const { admitted, refused } = tenants.find((tenant) => tenant.name === name)!
  return { admitted, atMost: Math.ceil(seconds * PER_SECOND) + 1 - refused }
}
