import type { LoadResult } from './run.ts'

const COLUMNS = [
  'tenant',
  'offered',
  'admitted',
  'refused',
  'failed',
  'borrowed',
  'admitted/s',
  'p50 ms',
  'p99 ms',
]

/** The result as a table for a terminal, one line per tenant, numbers to the right. */
export function formatTable({ tenants }: LoadResult): string {
  const rows = tenants.map((it) => [
    it.name,
    ...[it.offered, it.admitted, it.refused, it.failed, it.borrowed].map(String),
    it.admittedPerSecond.toFixed(1),
    it.p50Ms.toFixed(2),
    it.p99Ms.toFixed(2),
  ])
  const lines = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .join('\n')
}

/** One line that says how far the run is. */
export function formatProgress({ seconds, tenants }: LoadResult, totalSeconds: number): string {
  const shares = tenants.map((it) => `${it.name} ${it.admitted}/${it.offered}`).join('  ')
  return `${seconds.toFixed(0)}/${totalSeconds} s  admitted/offered: ${shares}`
}
