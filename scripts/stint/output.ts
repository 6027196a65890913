import { stringify } from 'yaml'

/** How results are written. */
export type Format = 'table' | 'json' | 'yaml'

/** Streams of the process, so that tests can read them. */
export interface Streams {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether somebody watches stderr: progress is drawn only then. */
  readonly interactive: boolean
}

/** Writes a value for programs, or as the given table for people. */
export function print(streams: Streams, format: Format, value: unknown, table: () => string): void {
  if (format === 'json') streams.out(`${JSON.stringify(value, null, 2)}\n`)
  else if (format === 'yaml') streams.out(stringify(value))
  else streams.out(table())
}

/** Text of somebody else's as it may stand on a terminal: no control characters, no turned reading direction. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}

/** Columns under headings, as wide as their widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => plain(String(cell))))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd()
  return `${[headings, ...cells].map(line).join('\n')}\n`
}

/** `3m`, `2h`, `5d`: how long ago a time was. */
export function age(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - atMs) / 1_000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

/** A line of progress that is drawn over itself. */
export function progress(streams: Streams, text: string, last: boolean): void {
  if (streams.interactive) streams.err(`\r\u001b[2K${text}${last ? '\n' : ''}`)
}
