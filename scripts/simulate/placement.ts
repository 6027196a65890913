import { Command, InvalidArgumentError, Option } from 'commander'
import { PROFILES, type ProfileName } from '../../src/core/planner/settings.ts'
import type { Accounting } from '../placement/datacentre.ts'
import { readEnergy } from '../placement/energy.ts'
import { SIMULATION_TUNING } from '../placement/planner-policy.ts'
import { type DayResult, medians, POLICIES, type PolicyName, simulateDay } from '../placement/simulate-day.ts'
import { listDays, readCatalogue, readTrace } from '../placement/traces.ts'

interface Flags {
  traces: string
  days?: string[]
  accounting: Accounting
  policy: PolicyName
  profile: ProfileName
  standbyWatts?: number
  carbon: string[]
  price: string[]
  set: Readonly<Record<string, number>>
  json?: boolean
}

function watts(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Expected watts: a number, 0 or more.')
  }
  return value
}

function days(text: string): string[] {
  const list = text.split(',').map((day) => day.trim())
  if (list.some((day) => !/^\d{8}$/.test(day))) {
    throw new InvalidArgumentError('Expected days as YYYYMMDD, separated by commas.')
  }
  return list
}

function several(path: string, before: string[]): string[] {
  return [...before, path]
}

/** Settings of the planner that are numbers. */
const NUMERIC = Object.entries(SIMULATION_TUNING.settings).flatMap(([name, value]) =>
  typeof value === 'number' ? [name] : [],
)

function setting(text: string, before: Record<string, number>): Record<string, number> {
  const [name = '', number = ''] = text.split('=')
  if (!NUMERIC.includes(name)) throw new InvalidArgumentError(`Expected one of ${NUMERIC.join(', ')}.`)
  if (number.trim() === '' || !Number.isFinite(Number(number))) {
    throw new InvalidArgumentError('Expected name=number.')
  }
  return { ...before, [name]: Number(number) }
}

/** `simulate placement`: a policy over days of recorded load. */
export function placementCommand(): Command {
  return new Command('placement')
    .description(
      'Place the machines of the PlanetLab traces with a policy and count energy, moves and service.',
    )
    .requiredOption('--traces <dir>', 'folder with manifest.json and one <day>.u8 per day')
    .option('--days <a,b>', 'days to run (default: all in the folder)', days)
    .addOption(
      new Option('--accounting <kind>', 'compat: as CloudSim 4.0 counts; honest: as a power meter would')
        .choices(['compat', 'honest'])
        .default('compat'),
    )
    .addOption(new Option('--policy <name>', 'who decides').choices(POLICIES).default('planner'))
    .addOption(
      new Option('--profile <name>', 'what the planner weighs most')
        .choices(Object.keys(PROFILES))
        .default('eco'),
    )
    .option('--standby-watts <watts>', 'watts of an empty host (default: compat 0, honest 6)', watts)
    .option(
      '--carbon <file>',
      'hourly carbon of a zone, or a folder of such files; may be repeated',
      several,
      [],
    )
    .option(
      '--price <file>',
      'hourly prices of a zone, or a folder of such files; may be repeated',
      several,
      [],
    )
    .option('--set <name=number>', "change one of the planner's settings; may be repeated", setting, {})
    .option('--json', 'print { days, medians } as JSON on standard output')
    .action(run)
}

function run(flags: Flags): void {
  const catalogue = readCatalogue(flags.traces)
  const known = listDays(flags.traces)
  const standbyWatts = flags.standbyWatts ?? (flags.accounting === 'honest' ? 6 : 0)
  const energy = flags.carbon.length + flags.price.length === 0 ? null : readEnergy(flags.carbon, flags.price)
  const tuning = { ...SIMULATION_TUNING, settings: { ...SIMULATION_TUNING.settings, ...flags.set } }
  const results: DayResult[] = []
  const wanted = flags.days ?? known
  const traces = wanted.map((day) => readTrace(flags.traces, day))
  for (const [index, trace] of traces.entries()) {
    process.stderr.write(`${trace.day} (${index + 1}/${traces.length}) ${trace.vmCount} machines … `)
    const { policy, accounting, profile } = flags
    const result = simulateDay(catalogue, trace, {
      policy,
      accounting,
      standbyWatts,
      profile,
      energy,
      tuning,
    })
    results.push(result)
    process.stderr.write(`${result.energyKwh.toFixed(2)} kWh, ${result.migrations} migrations\n`)
  }
  if (flags.json) console.log(JSON.stringify({ days: results, medians: medians(results) }, null, 2))
  else printTable(results)
}

function printTable(results: readonly DayResult[]): void {
  const row = (name: string, r: Record<string, number>) => ({
    day: name,
    kWh: r['energyKwh']!.toFixed(2),
    'bound kWh': r['lowerBoundKwh']!.toFixed(2),
    migrations: r['migrations']!,
    'OTF %': (r['otf']! * 100).toFixed(3),
    'PDM %': (r['pdm']! * 100).toFixed(4),
    'ESV ·10⁻³': (r['esv']! * 1000).toFixed(4),
    'unserved %': (r['unservedShare']! * 100).toFixed(4),
    ...(r['carbonKg'] || r['costUsd']
      ? { USD: r['costUsd']!.toFixed(2), 'kg CO₂': r['carbonKg']!.toFixed(2) }
      : {}),
  })
  const rows = results.map((result) => row(result.day, { ...result } as unknown as Record<string, number>))
  console.table([...rows, row('median', medians(results))])
}
