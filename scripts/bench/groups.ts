import { accuracyReport } from './accuracy.ts'
import { admissionReport } from './admission-report.ts'
import { growthReport } from './growth.ts'
import { isolationReport } from './isolation.ts'
import { benchLedger, ledgerTable } from './ledger.ts'
import { benchPlanner } from './planner.ts'

/** What a group has measured: tables to print, ratios by name, remarks. */
export interface Report {
  readonly tables: Readonly<Record<string, readonly object[]>>
  readonly ratios: Readonly<Record<string, number>>
  readonly notes: readonly string[]
}

export interface RunOptions {
  readonly firstPort: number
  /** About how long the group may take; fewer rounds when there is less. */
  readonly seconds: number
  readonly progress: (line: string) => void
}

/** To add a group: write its function and list it here. */
export const GROUPS: Readonly<Record<string, (options: RunOptions) => Promise<Report>>> = {
  admission: admissionReport,
  isolation: isolationReport,
  accuracy: accuracyReport,
  ledger: async ({ progress }) => {
    const bench = await benchLedger(progress)
    const ratios = bench.ledgerOver.map(({ accounts, name, ratio }) => {
      return [`ledger over ${name}, ${accounts} accounts`, ratio.median] as const
    })
    return {
      tables: { 'decisions of many accounts': ledgerTable(bench) },
      ratios: Object.fromEntries(ratios),
      notes: [],
    }
  },
  growth: growthReport,
  planner: async ({ progress }) => {
    const { headline, doubling } = benchPlanner(progress)
    return { tables: { 'a whole plan on one thread': [headline, ...doubling] }, ratios: {}, notes: [] }
  },
}
