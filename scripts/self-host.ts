import { writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { buildWorker, ROOT } from './build.ts'
import { parsePort } from './run/ports.ts'
import { capnpConfig } from './run/workerd.ts'

interface Options {
  readonly folder: string
  readonly port: number
  readonly state: string
  readonly service: Readonly<Record<string, string>>
}

/** What an operator may set in the environment of workerd; see `Env` in `src/config.ts` for each. */
const ENVIRONMENT = [
  'STINT_ADMIN_TOKEN',
  'STINT_METRICS_TOKEN',
  'STINT_ACCESS_TEAM_DOMAIN',
  'STINT_ACCESS_AUD',
  'STINT_ADDRESS_HEADER',
  'STINT_ORIGINS',
  'STINT_HOOKS',
  'STINT_HOOK_SECRET',
  'STINT_LOG',
]

await new Command('build:workerd')
  .description(
    'Builds what `workerd serve` needs to run Stint on a machine of your own: modules and configuration.',
  )
  .option('--folder <folder>', 'where to put it', join(ROOT, 'dist', 'workerd'))
  .option('--port <port>', 'port on 127.0.0.1; -shttp=ADDRESS of workerd overrides it', parsePort, 8787)
  .option(
    '--state <folder>',
    'where the objects are kept; -dstate=FOLDER of workerd overrides it',
    '/var/lib/stint',
  )
  .option('--service <name=host:port>', 'an origin that nodes may name; can be repeated', addService, {})
  .action(selfHost)
  .parseAsync()

async function selfHost({ folder, port, state, service }: Options): Promise<void> {
  const built = await buildWorker(undefined, resolve(folder))
  const file = join(built.folder, 'stint.capnp')
  const config = { built, port, stateFolder: resolve(state), services: service, fromEnvironment: ENVIRONMENT }
  writeFileSync(file, capnpConfig(config))
  console.log(
    [
      `Built ${relative(process.cwd(), built.folder)}. The folder is all that workerd needs; run it with`,
      '',
      `  mkdir -p ${state}`,
      `  STINT_ADMIN_TOKEN=… npx workerd serve ${relative(process.cwd(), file)}`,
      '',
      `It listens on 127.0.0.1:${port}. docs/deploy.md has the rest: TLS, other settings, systemd, upgrades.`,
    ].join('\n'),
  )
}

function addService(text: string, before: Options['service']): Options['service'] {
  const match = /^([a-z0-9][a-z0-9.-]*)=([^\s=:]+:\d{1,5})$/.exec(text)
  if (match === null) throw new InvalidArgumentError('must be NAME=HOST:PORT, such as shop=10.0.0.5:8080')
  return { ...before, [match[1]!]: match[2]! }
}
