import { runLoad } from '../load/run.ts'
import { LocalStint } from '../run/local.ts'
import { served, until } from './observe.ts'

/** What draining a node under traffic took. */
export interface DrainReport {
  readonly tenants: number
  /** From the order until the coordinator counts no tenant on the node, s. */
  readonly seconds: number
  /** Most moves before their commit that were seen under way, out of the node and into one target. */
  readonly mostOut: number
  readonly mostIn: number
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  readonly faults: readonly string[]
}

const BASE = 10
const WITH_TRAFFIC = 200
/** As the coordinator promises, `MOVE_LIMITS`. */
const MOST = 16

function manifests(tenants: number): { first: string; targets: string } {
  const text = (documents: readonly object[]) =>
    documents.map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
  const node = (name: string) => ({ kind: 'Node', metadata: { name }, spec: { capacity: tenants * BASE } })
  const names = Array.from({ length: tenants }, (_, i) => `d${i}`)
  const spec = (name: string) => ({ base: BASE, hosts: [`${name}.localhost`] })
  return {
    first: text([
      node('full'),
      ...names.map((name) => ({ kind: 'Tenant', metadata: { name }, spec: spec(name) })),
    ]),
    targets: text([node('spare-1'), node('spare-2')]),
  }
}

/** Where the drain listens, how many tenants there are, and how many requests/s those with traffic get together. */
export interface DrainOptions {
  readonly port: number
  readonly tenants: number
  readonly perSecond: number
}

/** Drains a node of many tenants, some of which have traffic all the while. */
export async function drainUnderLoad(
  { port, tenants, perSecond }: DrainOptions,
  say: (text: string) => void,
): Promise<DrainReport> {
  const { first, targets } = manifests(tenants)
  const stint = await LocalStint.start(port, first)
  const end = new AbortController()
  const left = () => stint.admin.tenantsOn('full')
  try {
    await until('all tenants on the node', async () => ((await left()) === tenants ? true : undefined))
    await stint.admin.apply(targets)
    const busy = Array.from({ length: Math.min(tenants, WITH_TRAFFIC) }, (_, i) => `d${i}`)
    for (const tenant of busy) await served(port, tenant)
    const load = runLoad(
      { tenants: busy.map((name) => ({ name, perSecond: perSecond / busy.length })), seconds: 3_600, port },
      end.signal,
    )
    say(`${tenants} tenants are there, ${busy.length} have traffic; the drain begins`)
    const startedMs = performance.now()
    await stint.admin.drain('full')
    const most = { out: 0, in: 0 }
    let said = tenants
    await until('the node is empty', async () => {
      const under = (await stint.admin.openMigrations()).filter(({ phase }) => phase !== 'COMMITTED')
      most.out = Math.max(most.out, under.length)
      for (const target of ['spare-1', 'spare-2']) {
        most.in = Math.max(most.in, under.filter(({ to }) => to === target).length)
      }
      const now = await left()
      if (now <= said - 100) say(`${now} of ${tenants} left`)
      if (now <= said - 100) said = now
      return now === 0 ? true : undefined
    })
    const seconds = (performance.now() - startedMs) / 1_000
    end.abort()
    const result = await load
    const sum = (key: 'admitted' | 'refused' | 'failed') =>
      result.tenants.reduce((total, tenant) => total + tenant[key], 0)
    const faults: string[] = []
    if (most.out > MOST || most.in > MOST) faults.push(`${most.out} moves out and ${most.in} in at once`)
    if (sum('refused') + sum('failed') > 0) faults.push(`${sum('refused')} refused, ${sum('failed')} failed`)
    return {
      tenants,
      seconds: Math.round(seconds * 10) / 10,
      mostOut: most.out,
      mostIn: most.in,
      admitted: sum('admitted'),
      refused: sum('refused'),
      failed: sum('failed'),
      faults,
    }
  } finally {
    end.abort()
    await stint.dispose()
  }
}
