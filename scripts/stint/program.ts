import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { SCOPES } from '../../src/core/coordinator-api.ts'
import { PLACEMENT_MODES } from '../../src/core/placement.ts'
import { applyCommand, diffCommand } from './apply.ts'
import { apiClient, connection, DEFAULT_URL } from './client.ts'
import { splitCommand } from './devices.ts'
import { CliError, EXIT } from './exit.ts'
import { describeCommand, getCommand, LISTS } from './get.ts'
import { migrateCommand } from './migrate.ts'
import {
  createTokenCommand,
  deleteCommand,
  eventsCommand,
  listTokensCommand,
  markCommand,
  revokeTokenCommand,
  usageCommand,
} from './operate.ts'
import { print, type Streams } from './output.ts'
import { decideCommand, energyCommand, planCommand, profileCommand } from './plan.ts'

const PROCESS: Streams = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  interactive: process.stderr.isTTY === true,
}

/** Runs the CLI. @returns the exit code, one of {@link EXIT} */
export async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  streams: Streams = PROCESS,
): Promise<number> {
  let code: number = EXIT.ok.code
  const program = createProgram(env, streams, (kind) => {
    code = EXIT[kind].code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok.code : EXIT.usage.code
    if (error instanceof CliError) {
      streams.err(`stint: ${error.message}\n`)
      return error.exitCode
    }
    streams.err(`stint: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.failure.code
  }
}

const output = () =>
  new Option('-o, --output <format>', 'how to write the result')
    .choices(['table', 'json', 'yaml'])
    .default('table')

/** The commands; also what `docs/reference-cli.md` is made from. */
export function createProgram(
  env: NodeJS.ProcessEnv,
  streams: Streams,
  exit: (kind: keyof typeof EXIT) => void,
): Command {
  const reach = () => {
    const to = connection(env)
    return { to, api: apiClient(to) }
  }
  const program = new Command('stint')
    .description('Says what is wanted of nodes and tenants, and shows what is.')
    .addHelpText(
      'after',
      `\nEnvironment:\n  STINT_URL    where Stint is (default ${DEFAULT_URL})\n  STINT_TOKEN  a token; npm start prints one`,
    )
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .exitOverride()
  addWrites(program, streams, reach, exit)
  addReads(program, streams, reach)
  addDevices(program, streams, reach)
  addMarks(program, streams, reach)
  addPlacement(program, streams, reach)
  addTokens(program, streams, reach)
  return program
}

type Reach = () => { to: ReturnType<typeof connection>; api: ReturnType<typeof apiClient> }

function addWrites(
  program: Command,
  streams: Streams,
  reach: Reach,
  exit: (kind: keyof typeof EXIT) => void,
): void {
  const files = () => new Option('-f, --file <file...>', 'files, folders, or - for standard input')
  program
    .command('apply')
    .description('Makes the manifests of files the wanted state: all of them, or none')
    .addOption(files().makeOptionMandatory())
    .option('--dry-run', 'check and report, keep nothing')
    .option('--prune', 'delete the nodes and tenants that are not in the files')
    .option('--no-wait', 'do not wait until it is in effect')
    .option('--timeout <seconds>', 'how long to wait', parseCount, 120)
    .addOption(output())
    .action(async (options) => applyCommand(reach().api, streams, options))
  program
    .command('diff')
    .description('Shows what apply would change; exit code 1 if anything')
    .addOption(files().makeOptionMandatory())
    .option('--prune', 'as if what is not in the files were deleted')
    .addOption(output())
    .action(async (options) => {
      if (await diffCommand(reach().api, streams, options)) exit('failure')
    })
  program
    .command('delete')
    .description('Deletes a tenant, a node without tenants, or what files name')
    .argument('[object]', 'tenant/NAME or node/NAME')
    .argument('[name]', 'the name, if it is not in the first argument')
    .addOption(files())
    .action(async (first, second, { file }) => deleteCommand(reach().api, streams, first, second, file))
}

function addDevices(program: Command, streams: Streams, reach: Reach): void {
  program
    .command('devices')
    .description('Splits the base of a tenant among its devices')
    .command('set')
    .description('Gives devices other bases, or all devices anew from a file; a token of the tenant will do')
    .argument('<tenant>')
    .argument('[split...]', 'NAME=BASE of devices there are')
    .option('-f, --file <file>', 'a list of devices as in a manifest, or - for standard input')
    .addOption(output())
    .action(async (tenant, splits, options) => splitCommand(reach().api, streams, tenant, splits, options))
}

function addReads(program: Command, streams: Streams, reach: Reach): void {
  program
    .command('get')
    .description('Lists objects, or shows one')
    .argument('<what>', `${LISTS.join(', ')}, or tenant/NAME and node/NAME`)
    .argument('[name]', 'a single object')
    .option('--limit <count>', 'at most so many', parseCount)
    .option('--node <name>', 'only tenants and placements on this node')
    .option('--tenant <name>', 'only devices of this tenant')
    .addOption(output())
    .action(async (what, name, options) => getCommand(reach().api, streams, what, name, options))
  program
    .command('describe')
    .description('Shows all about one object: settings, status, conditions, usage, events')
    .argument('<object>', 'tenant/NAME or node/NAME')
    .argument('[name]', 'the name, if it is not in the first argument')
    .addOption(output())
    .action(async (first, second, options) =>
      describeCommand(reach().api, streams, first, second, options.output),
    )
  program
    .command('usage')
    .description('Shows shares and usage as the nodes see them now')
    .argument('[tenant]', 'a single tenant')
    .option('--limit <count>', 'at most so many', parseCount)
    .addOption(output())
    .action(async (tenant, options) =>
      usageCommand(reach().api, streams, tenant, options.output, options.limit),
    )
  program
    .command('events')
    .description('Shows the journal')
    .option('--follow', 'go on with what happens from now on')
    .option('--for <object>', 'only about tenant/NAME or node/NAME')
    .option('--after <seq>', 'only later ones than this', parseCount)
    .option('--limit <count>', 'how many', parseCount, 50)
    .addOption(output())
    .action(async (options) => {
      const { api, to } = reach()
      await eventsCommand(api, to, streams, options)
    })
  program
    .command('version')
    .description('Shows the version here and there, and who the token is')
    .addOption(output())
    .action(async (options) => {
      const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
        version: string
      }
      const server = await (await reach().api.version.$get()).json()
      const text = `client ${manifest.version}, server ${server.version}, you are ${server.actor} (${server.scopes.join(', ')})\n`
      print(streams, options.output, { client: manifest.version, server }, () => text)
    })
}

function addMarks(program: Command, streams: Streams, reach: Reach): void {
  program
    .command('cordon')
    .description('Lets no new tenants onto a node')
    .argument('<node>')
    .action(async (node) => markCommand(reach().api, streams, 'cordon', node))
  program
    .command('uncordon')
    .description('Ends cordon and drain')
    .argument('<node>')
    .action(async (node) => markCommand(reach().api, streams, 'uncordon', node))
  program
    .command('drain')
    .description('Cordons a node and moves its tenants to others')
    .argument('<node>')
    .option('--no-wait', 'do not wait until it is empty')
    .option('--timeout <seconds>', 'how long to wait', parseCount, 120)
    .action(async (node, options) => markCommand(reach().api, streams, 'drain', node, options))
  program
    .command('migrate')
    .description('Moves a tenant to another node while its traffic flows')
    .argument('<tenant>')
    .option('--to <node>', 'where to')
    .option('--reason <text>', 'said in the events')
    .option('--abort', 'ask for the abort of the open migration instead')
    .option('--no-wait', 'do not wait until the tenant is there')
    .option('--timeout <seconds>', 'how long to wait', parseCount, 60)
    .addOption(output())
    .action(async (tenant, options) => migrateCommand(reach().api, streams, tenant, options))
}

function addPlacement(program: Command, streams: Streams, reach: Reach): void {
  const plan = program.command('plan').description('Shows where tenants should live, and decides on it')
  plan
    .command('show', { isDefault: true })
    .description('Shows the open plan, one by its number, or a new one; `show` may be left out')
    .argument('[id]', 'number of a plan')
    .option('--explain', 'what each move changes, and the profiles side by side')
    .option('--list', 'the last plans instead')
    .option('--now', 'plan anew even if a plan is open')
    .addOption(output())
    .action(async (id, options) => planCommand(reach().api, streams, id, options))
  for (const decision of ['accept', 'reject'] as const) {
    const command = plan
      .command(decision)
      .description(decision === 'accept' ? 'Has a proposed plan run' : 'Refuses a proposed plan')
      .argument('<id>', 'number of the plan')
    if (decision === 'accept') {
      command.option('--no-wait', 'do not wait until it has run')
      command.option('--timeout <seconds>', 'how long to wait', parseCount, 300)
    }
    command.action(async (id, options) => decideCommand(reach().api, streams, decision, id, options))
  }
  program
    .command('profile')
    .description('Shows the profiles of placement, or takes another one')
    .argument('[name]', 'balanced, eco, cheap or safe')
    .addOption(new Option('--mode <mode>', 'who lets plans run').choices(PLACEMENT_MODES))
    .option('--hook <url>', 'what puts machines to standby and wakes them; none: no node sleeps')
    .option('--every <seconds>', 'how often tenants are measured and a plan is made', parseCount)
    .option('--gain <share>', 'weight of the newest measurement in the forecast, 0.001 to 1', Number)
    .option('--set <knob=value...>', "a knob of the planner, such as sleepAfterMs=600000; '' for its default")
    .addOption(output())
    .action(async (name, options) => profileCommand(reach().api, streams, name, options))
  program
    .command('energy')
    .description('Shows what the nodes have used: Wh, money, gCO2')
    .addOption(output())
    .action(async (options) => energyCommand(reach().api, streams, options.output))
}

function addTokens(program: Command, streams: Streams, reach: Reach): void {
  const token = program.command('token').description('Makes, lists and revokes tokens')
  token
    .command('create')
    .description('Makes a token and prints it this once')
    .option(
      '--tenant <name>',
      'for this tenant alone: its share, usage, events and, with scope devices, its devices',
    )
    .addOption(new Option('--scope <scope...>', 'what it allows (default: read)').choices(SCOPES))
    .option('--note <text>', 'whom it is for', '')
    .option('--days <count>', 'after how many days it ends', parseCount)
    .addOption(output())
    .action(async (options) => createTokenCommand(reach().api, streams, options))
  token
    .command('list')
    .description('Lists tokens without their secrets')
    .addOption(output())
    .action(async (options) => listTokensCommand(reach().api, streams, options.output))
  token
    .command('revoke')
    .description('Ends a token for good')
    .argument('<id>')
    .action(async (id) => revokeTokenCommand(reach().api, streams, id))
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(count))
    throw new InvalidArgumentError('must be a whole number')
  return count
}
