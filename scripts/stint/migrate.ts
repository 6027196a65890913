import type { MigrationView } from '../../src/core/migration-view.ts'
import type { Api } from './client.ts'
import { CliError } from './exit.ts'
import { age, type Format, print, progress, type Streams, table } from './output.ts'

/** Options of `migrate`. */
export interface MigrateArguments {
  readonly to?: string
  readonly reason?: string
  readonly abort?: boolean
  readonly wait?: boolean
  readonly timeout: number
  readonly output: Format
}

/** `stint migrate`: moves a tenant to another node, and by default waits until it is there. */
export async function migrateCommand(
  api: Api,
  streams: Streams,
  tenant: string,
  options: MigrateArguments,
): Promise<void> {
  if (options.abort === true) {
    await api.tenants[':name'].migration.abort.$post({ param: { name: tenant } })
    streams.out(`tenant/${tenant} migration is asked to be aborted\n`)
    return
  }
  if (options.to === undefined) throw new CliError('usage', 'name the node with --to, or --abort')
  const { to, reason } = options
  const json = reason === undefined ? { tenant, to } : { tenant, to, reason }
  const begun: MigrationView = await (await api.migrations.$post({ json })).json()
  const ended = options.wait === false ? begun : await watched(api, streams, begun, options.timeout)
  print(streams, options.output, ended, () => migrationTable([ended]))
  if (ended.phase === 'ABORTED')
    throw new CliError('failure', ended.lastRefusal ?? 'the migration was aborted')
}

async function watched(
  api: Api,
  streams: Streams,
  begun: MigrationView,
  timeoutS: number,
): Promise<MigrationView> {
  const untilMs = Date.now() + timeoutS * 1_000
  for (;;) {
    const query = { tenant: begun.tenant, limit: '20' }
    const { items } = await (await api.migrations.$get({ query })).json()
    const now = items.find(({ id }) => id === begun.id) ?? begun
    // The tenant lives there from the commit on; the rest is tidying up.
    const done = now.endedMs !== undefined || now.phase === 'COMMITTED'
    progress(streams, `${begun.tenant} from ${begun.from} to ${begun.to}: ${now.phase}`, done)
    if (done) return now
    if (Date.now() > untilMs) {
      throw new CliError(
        'timeout',
        `${begun.id} is ${now.phase} after ${timeoutS} s; see stint get migrations`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Migrations, with how long each took. */
export function migrationTable(migrations: readonly MigrationView[]): string {
  const now = Date.now()
  return table(
    ['ID', 'FROM', 'TO', 'PHASE', 'AGE', 'TOOK', 'REASON'],
    migrations.map((it) => [
      it.id,
      it.from,
      it.to,
      it.phase,
      age(it.startedMs, now),
      `${(it.endedMs ?? it.steps.at(-1)?.atMs ?? now) - it.startedMs} ms`,
      it.lastRefusal ?? it.reason,
    ]),
  )
}

/** Why the last migrations of a tenant were made, and how long each step took. */
export function migrationSteps(migrations: readonly MigrationView[]): string {
  return table(
    ['ID', 'FROM', 'TO', 'STEP', 'TOOK', 'REASON'],
    migrations.flatMap(({ id, from, to, steps, endedMs, reason, lastRefusal = '' }) =>
      steps.map(({ phase, atMs }, i) => {
        const until = steps[i + 1]?.atMs ?? endedMs
        const took = until === undefined || until === atMs ? '-' : `${until - atMs} ms`
        const why = i === 0 ? reason : i === steps.length - 1 ? lastRefusal : ''
        return [id, from, to, phase, took, why]
      }),
    ),
  )
}
