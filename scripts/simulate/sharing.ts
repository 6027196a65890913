import { Command, InvalidArgumentError } from 'commander'
import { readScenario, type Scenario } from './scenario.ts'
import type { SharingReport } from './sharing-report.ts'
import { runSharing } from './sharing-run.ts'

interface Flags {
  json?: boolean
  seed?: number
}

function seed(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('Expected a whole number.')
  }
  return value
}

/** `simulate sharing`: tenants share a node, asked directly or through leases of several edges. */
export function sharingCommand(): Command {
  return new Command('sharing')
    .description(
      'Run the ledger, and with edges > 0 the lease books over a simulated network, on a scenario file.',
    )
    .argument('<file>', 'scenario (JSON); - reads standard input')
    .option('--json', 'print windows, largestWindowOverRound, messagesPer1000 and zeroHop as JSON')
    .option('--seed <n>', 'take this seed instead of the scenario’s', seed)
    .action(run)
}

function run(file: string, flags: Flags): void {
  const read = readScenario(file)
  const scenario = flags.seed === undefined ? read : { ...read, seed: flags.seed }
  const report = runSharing(scenario, process.stderr.isTTY ? showProgress : undefined)
  if (flags.json) console.log(JSON.stringify(report, null, 2))
  else printTables(scenario, report)
}

function showProgress(share: number): void {
  process.stderr.write(share < 1 ? `\rsharing: ${Math.round(share * 100)} % ` : '\r\u001b[K')
}

function printTables(scenario: Scenario, report: SharingReport): void {
  const bases = scenario.tenants.flatMap(({ base, devices }) =>
    devices === undefined ? [base] : devices.map((device) => device.base),
  )
  for (const { fromMs, toMs, granted, refused } of report.windows) {
    console.log(`${fromMs / 1000} s to ${toMs / 1000} s, tokens/s`)
    console.table(
      Object.fromEntries(
        Object.keys(granted).map((name, i) => [
          name,
          {
            base: bases[i]!,
            granted: granted[name]!,
            refused: refused[name]!,
            'no hop %': Number((report.zeroHop[name]! * 100).toFixed(2)),
          },
        ]),
      ),
    )
  }
  console.log(`largest grant in a round's time: ${report.largestWindowOverRound} of a round`)
  console.log(`messages to the node per 1 000 requests: ${report.messagesPer1000}`)
}
