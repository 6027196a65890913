import { stringify } from 'yaml'
import { type Api, allPages } from './client.ts'
import { deviceTable, listDevices } from './devices.ts'
import { CliError } from './exit.ts'
import { parseTarget } from './manifests.ts'
import { migrationSteps, migrationTable } from './migrate.ts'
import { age, type Format, plain, print, type Streams, table } from './output.ts'

type Answer<Call extends (...args: never[]) => Promise<{ json(): unknown }>> = Awaited<
  ReturnType<Awaited<ReturnType<Call>>['json']>
>
type NodeView = Answer<Api['nodes'][':name']['$get']>
type TenantView = Answer<Api['tenants'][':name']['$get']>
type PlacementView = Answer<Api['placements']['$get']>['items'][number]
type TokenView = Answer<Api['tokens']['$get']>['items'][number]
type Condition = NodeView['status']['conditions'][number]

/** What can be listed. */
export const LISTS = ['nodes', 'tenants', 'devices', 'placements', 'migrations', 'signals', 'tokens'] as const

/** Options of `get`. */
export interface GetArguments {
  readonly output: Format
  readonly limit?: number
  readonly node?: string
  readonly tenant?: string
}

type List = (typeof LISTS)[number]

/** `stint get`. */
export async function getCommand(
  api: Api,
  streams: Streams,
  what: string,
  name: string | undefined,
  options: GetArguments,
): Promise<void> {
  const [word = '', second] = what.split('/')
  const list = LISTS.find((it) => it === word || it === `${word}s`)
  const one = name ?? second
  if (list === undefined) throw new CliError('usage', `what to get is one of ${LISTS.join(', ')}`)
  if (one !== undefined) {
    if (list !== 'nodes' && list !== 'tenants') throw new CliError('usage', `${list} are only listed`)
    const view = await read(api, list === 'nodes' ? 'Node' : 'Tenant', one)
    const text = () => (list === 'nodes' ? nodeTable([view as NodeView]) : tenantTable([view as TenantView]))
    print(streams, options.output, view, text)
    return
  }
  await listCommand(api, streams, list, options)
}

async function listCommand(api: Api, streams: Streams, list: List, options: GetArguments): Promise<void> {
  const { output, limit, node } = options
  const query = (after: string | undefined, size: number) => ({
    limit: String(size),
    ...(after === undefined ? {} : { after }),
    ...(node === undefined ? {} : { node }),
  })
  const show = <T>(items: readonly T[], text: (items: readonly T[]) => string) =>
    print(streams, output, items, () => text(items))
  switch (list) {
    case 'devices':
      return await listDevices(api, streams, options.tenant, output, limit)
    case 'nodes':
      return show(
        await allPages<NodeView>(
          async (after, size) => (await api.nodes.$get({ query: query(after, size) })).json(),
          limit,
        ),
        nodeTable,
      )
    case 'tenants':
      return show(
        await allPages<TenantView>(
          async (after, size) => (await api.tenants.$get({ query: query(after, size) })).json(),
          limit,
        ),
        tenantTable,
      )
    case 'placements':
      return show(
        await allPages<PlacementView>(
          async (after, size) => (await api.placements.$get({ query: query(after, size) })).json(),
          limit,
        ),
        (items) =>
          table(
            ['TENANT', 'NODE', 'EPOCH', 'RESERVED'],
            items.map((it) => [it.tenant, it.node, it.epoch, it.reserved]),
          ),
      )
    case 'tokens':
      return show(
        await allPages<TokenView>(
          async (after, size) => (await api.tokens.$get({ query: query(after, size) })).json(),
          limit,
        ),
        tokenTable,
      )
    case 'migrations':
      return show(
        (await (await api.migrations.$get({ query: { limit: String(Math.min(limit ?? 100, 500)) } })).json())
          .items,
        migrationTable,
      )
    case 'signals':
      return show((await (await api.signals.$get()).json()).items, signalTable)
  }
}

/** One object. */
export async function read(api: Api, kind: 'Node' | 'Tenant', name: string): Promise<NodeView | TenantView> {
  const param = { name }
  if (kind === 'Node') return await (await api.nodes[':name'].$get({ param })).json()
  return await (await api.tenants[':name'].$get({ param })).json()
}

function nodeTable(nodes: readonly NodeView[]): string {
  const now = Date.now()
  return table(
    ['NAME', 'PHASE', 'ZONE', 'CAPACITY', 'RESERVED', 'TENANTS', 'AGE', 'NOTES'],
    nodes.map(({ manifest, status, createdMs }) => [
      manifest.metadata.name,
      status.phase,
      manifest.spec.zone ?? '-',
      status.capacity,
      status.reserved,
      status.tenants,
      age(createdMs, now),
      notes(status.conditions, ['Cordoned', 'Drained']),
    ]),
  )
}

function tenantTable(tenants: readonly TenantView[]): string {
  const now = Date.now()
  return table(
    ['NAME', 'PHASE', 'NODE', 'BASE', 'PRIORITY', 'RESERVED', 'AGE', 'NOTES'],
    tenants.map(({ manifest, status, createdMs }) => [
      manifest.metadata.name,
      status.phase,
      status.node ?? '-',
      manifest.spec.base,
      manifest.spec.priority,
      status.reserved,
      age(createdMs, now),
      notes(status.conditions, []),
    ]),
  )
}

/** The conditions worth a look: those that are not so, and the named ones. */
function notes(conditions: readonly Condition[], named: readonly string[]): string {
  const shown = conditions.filter((it) => it.status === 'False' || named.includes(it.type))
  return [...new Set(shown.map((it) => it.reason))].join(',')
}

/** Tokens without secrets. */
export function tokenTable(tokens: readonly TokenView[]): string {
  const now = Date.now()
  return table(
    ['ID', 'FOR', 'SCOPES', 'AGE', 'STATE', 'NOTE'],
    tokens.map((token) => [
      token.id,
      token.tenant === undefined ? 'operator' : `tenant/${token.tenant}`,
      token.scopes.join(','),
      age(token.createdMs, now),
      token.revokedMs !== undefined ? 'revoked' : (token.expiresMs ?? now + 1) <= now ? 'expired' : 'valid',
      token.note,
    ]),
  )
}

function signalTable(signals: readonly Readonly<Record<string, unknown>>[]): string {
  return table(
    ['ABOUT', 'SAYS', 'STATE', 'UNTIL'],
    signals.map((it) => [
      it['kind'] === 'zone' ? `zone/${it['zone']}` : `node/${it['node']}`,
      it['kind'] === 'zone' ? `${it['measure']} ${it['value']}` : `${it['severity']}: ${it['note']}`,
      String(it['state']),
      new Date(Number(it['validUntilMs'])).toISOString(),
    ]),
  )
}

/** `stint describe`: everything about one object, its last events included. */
export async function describeCommand(
  api: Api,
  streams: Streams,
  first: string,
  second: string | undefined,
  format: Format,
): Promise<void> {
  const { kind, name } = parseTarget(first, second)
  const view = await read(api, kind, name)
  const { items: events } = await (await api.events.$get({ query: { kind, name, limit: '20' } })).json()
  const usage =
    kind === 'Tenant' ? await (await api.tenants[':name'].usage.$get({ param: { name } })).json() : undefined
  const migrations =
    kind === 'Tenant'
      ? (await (await api.migrations.$get({ query: { tenant: name, limit: '3' } })).json()).items
      : []
  const whole = usage === undefined ? { ...view, events } : { ...view, usage, migrations, events }
  print(streams, format, whole, () => {
    const { conditions, ...status } = view.status
    const now = Date.now()
    return [
      stringify({ manifest: view.manifest, generation: view.generation, revision: view.revision, status }),
      '\nConditions:\n',
      table(
        ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
        conditions.map((it) => [
          it.type,
          it.status,
          it.reason,
          it.sinceMs === undefined ? '-' : age(it.sinceMs, now),
          it.message,
        ]),
      ),
      usage === undefined || usage.accounts.length < 2 ? '' : `\nDevices:\n${deviceTable([usage])}`,
      usage === undefined ? '' : `\nUsage:\n${stringify(usage.accounts)}`,
      migrations.length === 0 ? '' : `\nLast migrations:\n${migrationSteps(migrations)}`,
      '\nEvents:\n',
      events.length === 0 ? '(none)\n' : events.map((it) => `${eventLine(it)}\n`).join(''),
    ].join('')
  })
}

/** An event as one line. */
export function eventLine(event: {
  readonly atMs: number
  readonly kind: string
  readonly name: string
  readonly type: string
  readonly reason: string
  readonly message: string
  readonly actor?: string | undefined
}): string {
  const { atMs, kind, name, type, reason, message, actor } = event
  const by = actor === undefined ? '' : ` (by ${actor})`
  const mark = type === 'warning' ? '! ' : '  '
  const time = new Date(atMs).toISOString().replace('T', ' ').slice(0, 19)
  return plain(`${time} ${mark}${kind.toLowerCase()}/${name}  ${reason}: ${message}${by}`)
}
