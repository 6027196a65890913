import { Command, InvalidArgumentError } from 'commander'
import { describeFailure, runFaults } from './faults/run.ts'
import { NEEDED_IN_EVERY_BATCH, Tally } from './faults/tally.ts'

interface Flags {
  seeds: number
  from: number
  json?: boolean
}

/** From so many seeds on, everything that can happen must have happened. */
const BATCH_SEEDS = 100

function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number, 0 or more.')
  return value
}

/** `simulate faults`: seeded runs of edges and a node over a network that loses, repeats and delays. */
export function faultsCommand(): Command {
  return new Command('faults')
    .description('Run the real core of edges and node through crashes, lost messages and wrong clocks.')
    .option('--seeds <n>', 'how many seeds to run', count, 200)
    .option('--from <seed>', 'the first seed', count, 1)
    .option('--json', 'print { seeds, failed, requests, messages, occurred } as JSON on standard output')
    .action(run)
}

function run(flags: Flags): void {
  const total = Tally.ofFaults()
  const failed: string[] = []
  let requests = 0
  let messages = 0
  for (let i = 0; i < flags.seeds; i++) {
    const report = runFaults(flags.from + i)
    total.add(report.tally)
    requests += report.requests
    messages += report.messages
    if (report.violation !== undefined) {
      failed.push(describeFailure(report))
      console.error(failed.at(-1))
    }
    if ((i + 1) % 100 === 0) process.stderr.write(`${i + 1}/${flags.seeds} seeds, ${failed.length} failed\n`)
  }
  const missing = flags.seeds >= BATCH_SEEDS ? total.missing(NEEDED_IN_EVERY_BATCH) : []
  for (const name of missing) failed.push(`${name} never occurred`)
  if (flags.json) {
    console.log(
      JSON.stringify({ seeds: flags.seeds, failed, requests, messages, occurred: total.counts }, null, 2),
    )
  } else {
    console.log(`${flags.seeds} seeds, ${requests} requests, ${messages} messages, ${failed.length} failed`)
    console.table(total.counts)
  }
  if (failed.length > 0) process.exitCode = 1
}
