import { Command, InvalidArgumentError, Option } from 'commander'
import { runCluster } from './cluster/run.ts'
import { NEEDED_IN_EVERY_BATCH as CLUSTER_NEEDS, newClusterTally } from './cluster/tally.ts'
import { describeFailure, type FaultReport, runFaults } from './faults/run.ts'
import { NEEDED_IN_EVERY_BATCH, Tally } from './faults/tally.ts'

interface Flags {
  seeds: number
  from: number
  world: WorldName | 'both'
  json?: boolean
}

/** From so many seeds on, everything that can happen must have happened. */
const BATCH_SEEDS = 100

/** The worlds a seed is run in: how, and what a batch must have seen. */
const WORLDS = {
  node: {
    title: 'edges and a node',
    run: (seed: number) => runFaults(seed),
    newTally: (): Tally<string> => Tally.ofFaults(),
    needed: NEEDED_IN_EVERY_BATCH,
  },
  cluster: {
    title: 'edges, nodes and the coordinator',
    run: (seed: number) => runCluster(seed),
    newTally: (): Tally<string> => newClusterTally(),
    needed: CLUSTER_NEEDS,
  },
} as const

type WorldName = keyof typeof WORLDS

function count(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number, 0 or more.')
  return value
}

/** `simulate faults`: seeded runs of the real core over a network that loses, repeats and delays. */
export function faultsCommand(): Command {
  return new Command('faults')
    .description(
      'Run the real core through crashes, lost messages and wrong clocks: edges and one node, and edges, ' +
        'several nodes and the coordinator with migrations, aborts, drains and forced takeovers.',
    )
    .option('--seeds <n>', 'how many seeds to run in each world', count, 200)
    .option('--from <seed>', 'the first seed', count, 1)
    .addOption(
      new Option('--world <name>', 'what to simulate').choices(['node', 'cluster', 'both']).default('both'),
    )
    .option(
      '--json',
      'print an array of { world, seeds, failed, requests, messages, occurred } on standard output',
    )
    .action(run)
}

function run(flags: Flags): void {
  const names = flags.world === 'both' ? (['node', 'cluster'] as const) : [flags.world]
  const batches = names.map((name) => runBatch(name, flags))
  if (flags.json) console.log(JSON.stringify(batches, null, 2))
  if (batches.some(({ failed }) => failed.length > 0)) process.exitCode = 1
}

function runBatch(world: WorldName, { seeds, from, json }: Flags) {
  const { title, run: runSeed, newTally, needed } = WORLDS[world]
  const total = newTally()
  const failed: string[] = []
  let requests = 0
  let messages = 0
  for (let i = 0; i < seeds; i++) {
    const report: FaultReport<string> = runSeed(from + i)
    total.add(report.tally)
    requests += report.requests
    messages += report.messages
    if (report.violation !== undefined) {
      failed.push(describeFailure(report, world))
      console.error(failed.at(-1))
    }
    if ((i + 1) % 100 === 0) process.stderr.write(`${title}: ${i + 1}/${seeds}, ${failed.length} failed\n`)
  }
  const missing = seeds >= BATCH_SEEDS ? total.missing(needed) : []
  for (const name of missing) failed.push(`${name} never occurred`)
  if (!json) {
    console.log(
      `${title}: ${seeds} seeds, ${requests} requests, ${messages} messages, ${failed.length} failed`,
    )
    for (const name of missing) console.log(`${name} never occurred`)
    console.table(total.counts)
  }
  return { world, seeds, failed, requests, messages, occurred: total.counts }
}
