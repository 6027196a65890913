import type { NodeMark, Scope } from '../../src/core/coordinator-api.ts'
import { type Api, allPages, type Connection, send } from './client.ts'
import { usageOf } from './devices.ts'
import { CliError } from './exit.ts'
import { eventLine, tokenTable } from './get.ts'
import { parseTarget, readManifests } from './manifests.ts'
import { type Format, plain, print, progress, type Streams, table } from './output.ts'

/** Any revision will do: the user named the object and did not say which state of it. */
const ANY = { headers: { 'if-match': '*' } }

/** `stint delete`. Tenants go before nodes, so that a file that was applied can be deleted. */
export async function deleteCommand(
  api: Api,
  streams: Streams,
  first: string | undefined,
  second: string | undefined,
  files: readonly string[] | undefined,
): Promise<void> {
  const targets: { kind: 'Node' | 'Tenant'; name: string }[] = []
  if (files !== undefined) {
    const set = readManifests(files)
    for (const it of [...set.tenants, ...set.nodes]) targets.push({ kind: it.kind, name: it.metadata.name })
  } else if (first !== undefined) targets.push(parseTarget(first, second))
  else throw new CliError('usage', 'name the object, or a file with -f')
  for (const { kind, name } of targets) {
    const param = { name }
    if (kind === 'Node') await api.nodes[':name'].$delete({ param }, ANY)
    else await api.tenants[':name'].$delete({ param }, ANY)
    streams.out(`${kind.toLowerCase()}/${name} deleted\n`)
  }
}

/** `stint cordon`, `uncordon` and `drain`. */
export async function markCommand(
  api: Api,
  streams: Streams,
  mark: NodeMark,
  node: string,
  options: { readonly wait?: boolean; readonly timeout?: number } = {},
): Promise<void> {
  const param = { name: node }
  const answer =
    mark === 'cordon'
      ? await api.nodes[':name'].cordon.$post({ param })
      : mark === 'uncordon'
        ? await api.nodes[':name'].uncordon.$post({ param })
        : await api.nodes[':name'].drain.$post({ param })
  const view = await answer.json()
  streams.out(
    `node/${node} ${mark === 'drain' ? 'draining' : `${mark}ed`}, ${view.status.tenants} tenants on it\n`,
  )
  if (mark === 'drain' && options.wait === true) await drained(api, streams, node, options.timeout ?? 60)
}

async function drained(api: Api, streams: Streams, name: string, timeoutS: number): Promise<void> {
  const untilMs = Date.now() + timeoutS * 1_000
  let first: number | undefined
  for (;;) {
    const { status } = await (await api.nodes[':name'].$get({ param: { name } })).json()
    first ??= status.tenants
    const done = status.tenants === 0
    progress(streams, `${first - status.tenants} of ${first} tenants have left ${name}`, done)
    if (done) return
    if (Date.now() > untilMs) {
      throw new CliError('timeout', `${status.tenants} tenants are still on ${name} after ${timeoutS} s`)
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** `stint usage`. */
export async function usageCommand(
  api: Api,
  streams: Streams,
  tenant: string | undefined,
  format: Format,
  limit: number | undefined,
): Promise<void> {
  const items = await usageOf(api, tenant, limit)
  print(streams, format, items, () =>
    table(
      ['TENANT', 'NODE', 'BASE', 'BALANCE', 'WANTED', 'BORROWED', 'SPENT', 'ADMITTED', 'REFUSED'],
      items.flatMap((it) =>
        it.accounts.length === 0
          ? [[it.tenant, it.node ?? '-', '-', '-', '-', '-', '-', '-', it.available ? '-' : 'no answer']]
          : it.accounts.map((account) => [
              account.device === undefined ? it.tenant : `${it.tenant}/${account.device}`,
              it.node ?? '-',
              account.base,
              account.balance,
              account.wanted,
              account.borrowedTotal,
              account.usage.spent,
              account.usage.admitted,
              account.usage.refused,
            ]),
      ),
    ),
  )
}

/** Options of `events`. */
export interface EventArguments {
  readonly follow?: boolean
  readonly for?: string
  readonly after?: number
  readonly limit: number
  readonly output: Format
}

/** `stint events`. */
export async function eventsCommand(
  api: Api,
  to: Connection,
  streams: Streams,
  options: EventArguments,
): Promise<void> {
  const about = options.for === undefined ? {} : parseTarget(options.for, undefined)
  const after = options.after === undefined ? {} : { after: String(options.after) }
  const query = { limit: String(options.limit), ...about, ...after }
  const { items } = await (await api.events.$get({ query })).json()
  if (options.follow !== true) {
    print(streams, options.output, items, () => items.map((it) => `${eventLine(it)}\n`).join(''))
    return
  }
  const show = (event: Parameters<typeof eventLine>[0]) =>
    streams.out(options.output === 'table' ? `${eventLine(event)}\n` : `${JSON.stringify(event)}\n`)
  for (const event of items) show(event)
  let last = items.at(-1)?.seq ?? options.after ?? 0
  // Each stream ends after a while by itself; the next goes on from the last event seen.
  for (;;) {
    const search = new URLSearchParams({ ...about, after: String(last) })
    const answer = await send(to, `${to.url}/_stint/api/v1/watch?${search}`, {})
    for await (const data of messages(answer)) {
      const event = JSON.parse(data) as (typeof items)[number]
      last = event.seq
      show(event)
    }
  }
}

/** The data lines of a stream of server-sent events; ends when the connection does, however it does. */
async function* messages(answer: Response): AsyncGenerator<string> {
  let rest = ''
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const part = await reader?.read().catch(() => undefined)
    if (part === undefined || part.done) return
    rest += part.value
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice(6)
  }
}

/** Options of `token create`. */
export interface TokenArguments {
  readonly tenant?: string
  readonly scope?: Scope[]
  readonly note: string
  readonly days?: number
  readonly output: Format
}

/** `stint token create`. */
export async function createTokenCommand(api: Api, streams: Streams, options: TokenArguments): Promise<void> {
  const { tenant, scope, note, days } = options
  const answer = await api.tokens.$post({
    json: {
      note,
      ...(tenant === undefined ? {} : { tenant }),
      ...(scope === undefined ? {} : { scopes: scope }),
      ...(days === undefined ? {} : { expiresMs: Date.now() + days * 86_400_000 }),
    },
  })
  const made = await answer.json()
  print(streams, options.output, made, () => `${made.token}\n`)
  if (options.output === 'table') streams.err(`token ${made.id}, shown this once; only its hash is kept\n`)
}

/** `stint token list`. */
export async function listTokensCommand(api: Api, streams: Streams, format: Format): Promise<void> {
  const tokens = await allPages(async (after: string | undefined, size) =>
    (
      await api.tokens.$get({ query: { limit: String(size), ...(after === undefined ? {} : { after }) } })
    ).json(),
  )
  print(streams, format, tokens, () => tokenTable(tokens))
}

/** `stint token revoke`. */
export async function revokeTokenCommand(api: Api, streams: Streams, id: string): Promise<void> {
  await api.tokens[':id'].$delete({ param: { id } })
  streams.out(`token ${plain(id)} revoked\n`)
}
