import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { crashEverywhere } from './migrations/crash.ts'
import { drainUnderLoad } from './migrations/drain.ts'
import { killWhileMoving } from './migrations/kills.ts'
import { moveUnderLoad } from './migrations/moves.ts'
import { takeOverUnreachable } from './migrations/takeover.ts'

interface Options {
  readonly moves: number
  readonly port: number
  readonly perSecond?: number
  readonly crash?: true
  readonly takeover?: true
  readonly kills?: number
  readonly drain?: number
  readonly seed: number
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0')
  return value
}

function experiment(options: Options): Promise<readonly string[]> {
  if (options.crash) return crash(options)
  if (options.takeover) return takeover(options)
  if (options.kills !== undefined) return kills(options, options.kills)
  if (options.drain !== undefined) return drain(options, options.drain)
  return moves(options)
}

async function kills({ port, seed }: Options, kills: number): Promise<readonly string[]> {
  const where = { port, inspectPort: port + 1, kills, seed }
  const report = await killWhileMoving(where, (done) => say(`${done} of ${kills} kills`))
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function drain({ port, perSecond = 200 }: Options, tenants: number): Promise<readonly string[]> {
  const report = await drainUnderLoad({ port, tenants, perSecond }, say)
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function moves({ port, moves, perSecond = 500 }: Options): Promise<readonly string[]> {
  const report = await moveUnderLoad({ port, moves, perSecond }, (done) => {
    if (done % 10 === 0) say(`${done} of ${moves}`)
  })
  console.log(JSON.stringify(report, null, 2))
  return report.faults
}

async function crash({ port }: Options): Promise<readonly string[]> {
  const outcomes = await crashEverywhere({ port, inspectPort: port + 1 }, say)
  console.table(outcomes.map(({ faults, ...columns }) => ({ ...columns, faults: faults.length })))
  return complain(outcomes.flatMap(({ faults }) => faults))
}

async function takeover({ port }: Options): Promise<readonly string[]> {
  const outcomes = await takeOverUnreachable({ port, inspectPort: port + 1 }, say)
  console.table(outcomes.map(({ faults, ...columns }) => ({ ...columns, faults: faults.length })))
  return complain(outcomes.flatMap(({ faults }) => faults))
}

function complain(faults: readonly string[]): readonly string[] {
  for (const fault of faults) say(fault)
  return faults
}

function say(text: string): void {
  console.error(`migrations: ${text}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command('migrations')
    .description('Moves five tenants between three nodes, one move after another, while all have traffic.')
    .option('--moves <n>', 'how many', whole, 200)
    .option(
      '--per-second <n>',
      'requests per second of all tenants together (default: 500, with --drain 200)',
      whole,
    )
    .option('--port <port>', 'port on 127.0.0.1; the next one is used too', whole, 8795)
    .option('--crash', 'instead: SIGKILL while migrations are held at each crash point of the protocol')
    .option('--takeover', 'instead: nodes that cannot be reached, and come back, some after SIGKILL')
    .option('--kills <n>', 'instead: SIGKILL at random moments while all tenants move', whole)
    .option('--drain <n>', 'instead: drain a node of so many tenants', whole)
    .option('--seed <n>', 'seed of the moments', whole, 1)
    .action(async (options: Options) => {
      const faults = await experiment(options)
      if (faults.length > 0) process.exitCode = 1
    })
    .parseAsync()
    .catch((error: unknown) => {
      console.error(`migrations: ${error instanceof Error ? error.message : error}`)
      process.exitCode = 1
    })
}
