#!/usr/bin/env node
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { Command, InvalidArgumentError, Option } from 'commander'
import { GROUPS, type Report, type RunOptions } from './bench/groups.ts'
import { redisVersion } from './bench/servers.ts'

interface Options {
  readonly group: readonly string[]
  readonly json?: true
  readonly seconds?: number
  readonly quick?: true
  readonly port: number
}

const program = new Command('bench')
  .description('Measures Stint beside what people would use instead. Progress on stderr, results on stdout.')
  .addOption(
    new Option('--group <name...>', 'only these groups')
      .choices(Object.keys(GROUPS))
      .default([], 'all of them'),
  )
  .option('--json', 'one JSON document instead of tables')
  .option('--seconds <n>', 'about how long each group may take', parseSeconds)
  .option('--quick', 'a tenth of the work: figures for orientation only')
  .option('--port <port>', 'first of the ports on 127.0.0.1 to use', Number, 18_600)
  .action(bench)

program.parseAsync().catch((error: unknown) => {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`)
  // At once: servers that were started would keep this process alive, and end with it.
  process.exit(1)
})

async function bench(options: Options): Promise<void> {
  const names = options.group.length > 0 ? options.group : Object.keys(GROUPS)
  const run: RunOptions = {
    firstPort: options.port,
    seconds: options.seconds ?? (options.quick === true ? 20 : 120),
    progress: (line) => process.stderr.write(`${line}\n`),
  }
  const groups: Record<string, Report> = {}
  for (const name of names) {
    const report = await GROUPS[name]!({ ...run, progress: (line) => run.progress(`${name}: ${line}`) })
    groups[name] = report
    if (options.json !== true) print(name, report)
  }
  const versions = versionsOf()
  if (options.json === true) {
    const ratios = Object.assign({}, ...Object.values(groups).map((report) => report.ratios)) as object
    console.log(JSON.stringify({ versions, ratios, groups }, null, 2))
  } else {
    console.log('\nversions')
    for (const [name, version] of Object.entries(versions)) console.log(`  ${name}: ${version}`)
  }
}

function print(name: string, { tables, ratios, notes }: Report): void {
  for (const [title, rows] of Object.entries(tables)) {
    console.log(`\n${name}: ${title}`)
    console.table(rows)
  }
  if (Object.keys(ratios).length > 0) {
    console.log(`\n${name}: ratios`)
    for (const [ratio, value] of Object.entries(ratios))
      console.log(`  ${ratio}: ${Number(value.toFixed(3))}`)
  }
  for (const note of notes) console.log(`\n  ${note}`)
}

function versionsOf(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const { dependencies, peerDependencies, devDependencies } = require('../package.json') as Record<
    string,
    Record<string, string>
  >
  const pinned = { ...peerDependencies, ...dependencies, ...devDependencies }
  const peers = [
    'workerd',
    'hono-rate-limiter',
    '@upstash/ratelimit',
    '@upstash/redis',
    'rate-limiter-flexible',
  ]
  const packages = [...peers, 'ioredis', 'limiter', '@jupiterone/hierarchical-token-bucket']
  return {
    node: process.version,
    ...Object.fromEntries(
      packages.flatMap((name) => {
        const version = pinned[name]
        return version === undefined ? [] : [[name, version]]
      }),
    ),
    'redis-server': redisVersion() ?? 'not installed',
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  }
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!Number.isFinite(seconds) || seconds < 5) throw new InvalidArgumentError('at least 5')
  return seconds
}
