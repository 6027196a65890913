import { stringify } from 'yaml'
import type { ApplyReport } from '../../src/core/coordinator-api.ts'
import type { ManifestSet } from '../../src/core/manifest/check.ts'
import type { Api } from './client.ts'
import { CliError } from './exit.ts'
import { readManifests } from './manifests.ts'
import { type Format, plain, print, progress, type Streams } from './output.ts'
import { patchOf } from './patch.ts'

/** Options of `apply`. */
export interface ApplyArguments {
  readonly file: string[]
  readonly dryRun?: boolean
  readonly prune?: boolean
  readonly wait: boolean
  readonly timeout: number
  readonly output: Format
}

/** `stint apply`. */
export async function applyCommand(api: Api, streams: Streams, options: ApplyArguments): Promise<void> {
  const set = readManifests(options.file)
  const report = await postSet(api, set, options.dryRun === true, options.prune === true)
  print(streams, options.output, report, () => describe(report, options.dryRun === true))
  if (options.wait && options.dryRun !== true) await settled(api, streams, options.timeout)
}

async function postSet(api: Api, set: ManifestSet, dryRun: boolean, prune: boolean): Promise<ApplyReport> {
  const answer = await api.apply.$post({
    query: { dryRun: dryRun ? 'true' : 'false', prune: prune ? 'true' : 'false' },
    json: [...set.nodes, ...set.tenants],
  })
  return await answer.json()
}

function describe(report: ApplyReport, dryRun: boolean): string {
  const lines = report.changes
    .slice(0, 100)
    .map(({ kind, name, action }) => `${kind.toLowerCase()}/${plain(name)} ${action}`)
  const total = report.created + report.changed + report.deleted
  if (total > lines.length) lines.push(`… and ${total - lines.length} more`)
  const counts = (['created', 'changed', 'deleted', 'unchanged'] as const).map((it) => `${report[it]} ${it}`)
  lines.push(`${dryRun ? 'would be: ' : ''}${counts.join(', ')}`)
  return `${lines.join('\n')}\n`
}

/** Waits until the coordinator has looked at everything and every node has confirmed. */
async function settled(api: Api, streams: Streams, timeoutS: number): Promise<void> {
  const untilMs = Date.now() + timeoutS * 1_000
  for (;;) {
    const summary = await (await api.summary.$get()).json()
    const { tenants, waiting, unconfirmed, nodes, troubled } = summary
    const placed = tenants - waiting
    const done = waiting === 0 && unconfirmed === 0
    const text = `${placed} of ${tenants} tenants looked at, ${nodes - unconfirmed} of ${nodes} nodes confirmed`
    progress(streams, text, done)
    if (done) {
      if (troubled > 0) streams.err(`${troubled} tenants are not as wanted; see: stint get tenants\n`)
      return
    }
    if (Date.now() > untilMs) throw new CliError('timeout', `not in effect after ${timeoutS} s: ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** `stint diff`. @returns whether there are differences */
export async function diffCommand(
  api: Api,
  streams: Streams,
  options: { readonly file: string[]; readonly prune?: boolean; readonly output: Format },
): Promise<boolean> {
  const set = readManifests(options.file)
  const report = await postSet(api, set, true, options.prune === true)
  const wanted = new Map(
    [...set.nodes, ...set.tenants].map((it) => [`${it.kind}/${it.metadata.name}`, it] as const),
  )
  const parts: string[] = []
  for (const { kind, name, action } of report.changes) {
    const param = { name }
    const now =
      action === 'created'
        ? undefined
        : kind === 'Node'
          ? (await (await api.nodes[':name'].$get({ param })).json()).manifest
          : (await (await api.tenants[':name'].$get({ param })).json()).manifest
    const then = action === 'deleted' ? undefined : wanted.get(`${kind}/${name}`)
    parts.push(patchOf(`${kind.toLowerCase()}/${name}`, text(now), text(then)))
  }
  print(streams, options.output, report, () => parts.join(''))
  return report.created + report.changed + report.deleted > 0
}

function text(value: unknown): string {
  return value === undefined ? '' : stringify(value, { sortMapEntries: true })
}
