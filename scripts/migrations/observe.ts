import { get } from 'node:http'
import type { MigrationView } from '../../src/core/migration-view.ts'
import type { LocalStint } from '../run/local.ts'
import type { NodeRows } from './points.ts'

/** The Worker whose steps can be held, for `LocalStint`; told by `STINT_HOLD`. */
export const HELD_WORKER = {
  entry: new URL('workers/held.ts', import.meta.url).pathname,
  folder: new URL('../../dist/held-worker', import.meta.url).pathname,
}

/** The same, and nodes can be cut off. */
export const CUT_WORKER = {
  entry: new URL('workers/cut.ts', import.meta.url).pathname,
  folder: new URL('../../dist/cut-worker', import.meta.url).pathname,
}

/** What a tenant's admitted requests were, by what is durable, and where it is served. */
export interface Whereabouts {
  /** Nodes with an ACTIVE row, and nodes with an open account; one each, and the same, when all is well. */
  readonly active: readonly string[]
  readonly open: readonly string[]
  /** Nodes that wait for the account or still forward. */
  readonly onTheWay: readonly string[]
  readonly admitted: number
}

/** What all nodes' storage holds of tenants. @param port where `Inspect` listens */
export async function whereabouts(
  port: number,
  nodes: readonly string[],
  tenants: readonly string[],
): Promise<Map<string, Whereabouts>> {
  const rows = await Promise.all(nodes.map(async (node) => [node, await ask<NodeRows>(port, node)] as const))
  return new Map(
    tenants.map((tenant) => {
      const places = rows.flatMap(([node, it]) =>
        it.places.filter((each) => each.tenant === tenant).map((place) => ({ node, ...place })),
      )
      const accounts = rows.flatMap(([node, it]) =>
        it.accounts.filter((each) => each.tenant === tenant).map((account) => ({ node, ...account })),
      )
      return [
        tenant,
        {
          active: places.filter(({ role }) => role === 'active').map(({ node }) => node),
          open: accounts.map(({ node }) => node),
          onTheWay: places.filter(({ role }) => role !== 'active' && role !== 'gone').map(({ node }) => node),
          admitted: Math.max(0, ...[...places, ...accounts].map(({ admitted }) => admitted)),
        },
      ]
    }),
  )
}

/** Asks the `Inspect` entrypoint. */
export async function ask<T>(port: number, what: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${port}/${what}`)).json()) as T
}

/** Asks again and again until there is something. @throws Error naming what there was not, after two minutes */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + 120_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > endMs) throw new Error(`${what}: not within two minutes`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The last migration of a tenant, when it has ended. */
export function ended(stint: LocalStint, tenant: string): Promise<MigrationView> {
  return until(`the migration of ${tenant}`, async () => {
    const [last] = await stint.admin.migrations(tenant)
    return last?.endedMs === undefined ? undefined : last
  })
}

/** The status of one request of a tenant; undefined without an answer. */
export function statusOf(port: number, tenant: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const headers = { Host: `${tenant}.localhost` }
    const asked = get({ port, host: '127.0.0.1', headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    asked.once('error', () => resolve(undefined))
  })
}

/** Resolves when a tenant is answered 200. @returns how many requests it took */
export async function served(port: number, tenant: string): Promise<number> {
  let asked = 0
  return until(`an answer to ${tenant}`, async () => {
    asked++
    return (await statusOf(port, tenant)) === 200 ? asked : undefined
  })
}

/** What is wrong with a tenant whose migration has ended. @param acknowledged requests that were durably counted before */
export function faultsOf(
  tenant: string,
  owner: string | undefined,
  now: Whereabouts,
  acknowledged: number,
): string[] {
  const faults: string[] = []
  if (now.active.length !== 1 || now.active[0] !== owner) {
    faults.push(`${tenant}: lives on ${owner}, ACTIVE on ${now.active.join(', ') || 'no node'}`)
  }
  if (now.open.length !== 1 || now.open[0] !== owner) {
    faults.push(`${tenant}: lives on ${owner}, has an account on ${now.open.join(', ') || 'no node'}`)
  }
  if (now.onTheWay.length > 0) faults.push(`${tenant}: something is left on ${now.onTheWay.join(', ')}`)
  if (now.admitted < acknowledged) {
    faults.push(`${tenant}: ${acknowledged} requests were acknowledged, ${now.admitted} afterwards`)
  }
  return faults
}
