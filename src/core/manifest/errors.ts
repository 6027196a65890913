import { quote } from '../name.ts'

/** One fault of a manifest: where it is and what must change. */
export interface ManifestError {
  /** The file as the caller named it. */
  readonly file: string
  /** Which document of the file, counted from 1; 0 when the file as a whole is meant. */
  readonly document: number
  /** Line in the file, counted from 1, where it is known. */
  readonly line?: number
  /** Path of the field, such as `spec.base` or `items[2].metadata.name`; empty for the whole document. */
  readonly field: string
  /** What is wrong and what to do. Holds no control characters whatever the input was. */
  readonly message: string
}

/** Where a manifest was written, kept with it so that later checks can name the place. */
export interface Place {
  readonly file: string
  /** Counted from 1. */
  readonly document: number
  /** Path of the resource inside its document: empty, or `items[2]` in a list. */
  readonly prefix: string
  /** The line a path inside the resource stands on, if the text is known. */
  readonly lineOf?: (path: readonly PathPart[]) => number | undefined
}

/** One step of a path into a document: a field's name or an index. */
export type PathPart = string | number

/** Most errors that are reported for one text: past that the reader is not helped. */
export const MAX_ERRORS = 50

/**
 * The error as one line for a terminal or a log.
 *
 * @example
 *     examples/x.yaml: document 2, spec.base: must be a number, not a string (line 14)
 */
export function formatManifestError(error: ManifestError): string {
  const document = error.document > 0 ? [`document ${error.document}`] : []
  const where = [...document, ...(error.field === '' ? [] : [error.field])].join(', ')
  const line = error.line === undefined ? '' : ` (line ${error.line})`
  return `${error.file}: ${where === '' ? '' : `${where}: `}${error.message}${line}`
}

/** An error at a path below a place. */
export function errorAt(place: Place, path: readonly PathPart[], message: string): ManifestError {
  const line = place.lineOf?.(path)
  const below = fieldPath(path)
  const field =
    place.prefix === '' || below === '' || below.startsWith('[')
      ? place.prefix + below
      : `${place.prefix}.${below}`
  const error = { file: place.file, document: place.document, field, message }
  return line === undefined ? error : { ...error, line }
}

/** A path as people write it: `spec.devices[1].match.hosts[0]`. Names that are no identifiers are quoted. */
export function fieldPath(path: readonly PathPart[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (!/^[A-Za-z_$][\w$-]{0,63}$/.test(part)) text += `[${quote(part)}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** The text for a field nobody knows: names it and the nearest one that exists. */
export function unknownField(field: string, known: readonly string[]): string {
  const nearest = nearestOf(field, known)
  const hint =
    nearest === undefined
      ? `known here: ${known.length === 0 ? 'none' : known.join(', ')}`
      : `did you mean ${nearest}?`
  return `unknown field ${quote(field)}; ${hint}`
}

/** The candidate a word was most likely meant to be: at most a third of its letters differ. */
export function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64) return undefined
  const wanted = word.toLowerCase()
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < least) {
      least = distance
      nearest = candidate
    }
  }
  return nearest
}

/** Insertions, deletions, replacements and swaps of neighbours between two short words (Damerau–Levenshtein). */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1)
      }
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}
