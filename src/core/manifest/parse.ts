import { Composer, CST, type Document, isMap, isSeq, Lexer, LineCounter, Parser } from 'yaml'
import { err, ok, type Result } from '../result.ts'
import { checkPlacements, checkTogether, type ManifestSet, toManifestSet } from './check.ts'
import { DOCUMENT_LIMITS, type Resource, readResources } from './document.ts'
import { errorAt, MAX_ERRORS, type ManifestError, type PathPart } from './errors.ts'

/** A text to parse and the name errors give it. */
export interface ManifestFile {
  readonly file: string
  readonly text: string
}

/** How manifests are read. */
export interface ParseOptions {
  /** Longest text accepted, in UTF-16 units. Default 1 Mi. */
  readonly maxChars?: number
  /** Whether the files are all there is, so that a pin to an unknown node is an error. Default true. */
  readonly complete?: boolean
}

/** Bounds on a text that the parser reaches before its own costs grow faster than the text. */
export const TEXT_LIMITS = {
  maxChars: 1 << 20,
  maxDocuments: 20_000,
  /** A single value: scalars with faulty escapes cost the square of their length. */
  maxValueChars: 8_192,
  /** Punctuation in a row without a value (`[,,,,`), and blank or comment lines in a row. */
  maxIdleTokens: 10_000,
} as const

/**
 * Reads manifests from YAML or JSON (a subset of YAML 1.2) files with any number of documents, and checks them
 * together. Never throws: every fault of the input is an error value that names file, document and field.
 *
 * Aliases, anchors, tags and directives are refused: nothing here needs them, and they are how small texts
 * grow into large data or expensive errors.
 */
export function parseManifests(
  files: readonly ManifestFile[],
  options: ParseOptions = {},
): Result<ManifestSet, ManifestError[]> {
  const resources: Resource[] = []
  const errors: ManifestError[] = []
  for (const file of files) {
    const read = parseFile(file, options.maxChars ?? TEXT_LIMITS.maxChars)
    resources.push(...read.resources)
    errors.push(...read.errors)
  }
  errors.push(...checkTogether(resources))
  // A node may be missing only because it did not parse: say the first fault, not its consequences.
  if (errors.length === 0 && options.complete !== false) errors.push(...checkPlacements(resources))
  return errors.length === 0 ? ok(toManifestSet(resources)) : err(errors.slice(0, MAX_ERRORS))
}

function parseFile(
  { file, text }: ManifestFile,
  maxChars: number,
): { resources: Resource[]; errors: ManifestError[] } {
  const fail = (document: number, message: string, line?: number) => {
    const error = errorAt({ file, document, prefix: '' }, [], message)
    return { resources, errors: [...errors, line === undefined ? error : { ...error, line }] }
  }
  const resources: Resource[] = []
  const errors: ManifestError[] = []
  if (text.length > maxChars)
    return fail(0, `must be at most ${maxChars} characters, this has ${text.length}`)
  const lines = new LineCounter()
  const documents = readText(text, lines)
  if ('message' in documents) return fail(documents.document, documents.message, documents.line)
  documents.forEach((node, index) => {
    const value: unknown = node.toJS({ maxAliasCount: 0 })
    if (value === null) return // "---" at the end, or only comments between two of them
    const lineOf = (path: readonly PathPart[]) => lineAt(node, lines, path)
    const read = readResources(value, { file, document: index + 1, prefix: '', lineOf })
    resources.push(...read.resources)
    errors.push(...read.errors)
  })
  if (resources.length === 0 && errors.length === 0)
    return fail(0, 'must hold at least one document, this is empty')
  return { resources, errors }
}

interface TextFault {
  readonly document: number
  readonly line: number
  readonly message: string
}

/** Text to syntax trees, stopping at the first fault. */
function readText(text: string, lines: LineCounter): Document[] | TextFault {
  lines.addNewLine(0)
  const parser = new Parser(lines.addNewLine)
  // prettyErrors would search the text for the place of every fault: quadratic.
  const composer = new Composer({
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: true,
    logLevel: 'silent',
  })
  const documents: Document[] = []
  const faultAt = (offset: number, message: string, document = documents.length + 1): TextFault => ({
    document,
    line: Math.max(1, lines.linePos(Math.min(offset, text.length)).line),
    message,
  })
  const take = (composed: Iterable<Document.Parsed>): TextFault | undefined => {
    for (const document of composed) {
      documents.push(document)
      const fault = document.errors[0] ?? document.warnings[0]
      if (fault !== undefined) return faultAt(fault.pos[0], explain(fault), documents.length)
      if (documents.length > TEXT_LIMITS.maxDocuments) {
        return faultAt(parser.offset, `must have at most ${TEXT_LIMITS.maxDocuments} documents`)
      }
    }
    return undefined
  }
  const runs = { idle: 0, values: 0 }
  let marked = false // the lexer announces a plain or block scalar with a mark of its own
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      const fault =
        token.type === 'error' ? faultAt(token.offset, clean(token.message)) : take(composer.next(token))
      if (fault !== undefined) return fault
    }
    const type = marked ? 'scalar' : CST.tokenType(lexeme)
    marked = !marked && lexeme === CST.SCALAR
    countRuns(runs, marked ? 'space' : (type ?? 'space'))
    const message = REFUSED[type ?? ''] ?? overLimit(parser, lexeme, runs)
    if (message !== undefined) return faultAt(parser.offset, message)
  }
  for (const token of parser.end()) {
    const fault = take(composer.next(token))
    if (fault !== undefined) return fault
  }
  return take(composer.end()) ?? documents
}

/** Tokens in a row without a value, and values in a row without a mark such as ":" or ",". */
interface Runs {
  idle: number
  values: number
}

const VALUES: ReadonlySet<string> = new Set(['scalar', 'single-quoted-scalar', 'double-quoted-scalar'])
const BLANKS: ReadonlySet<string> = new Set(['space', 'newline', 'comment', 'byte-order-mark'])

function countRuns(runs: Runs, type: string): void {
  if (VALUES.has(type)) {
    runs.idle = 0
    runs.values++
  } else {
    runs.idle = type === 'doc-start' ? 0 : runs.idle + 1
    if (!BLANKS.has(type)) runs.values = 0
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  alias: 'must not use aliases (*name); write the value out',
  anchor: 'must not use anchors (&name); write the value out where it is needed',
  tag: 'must not use tags (!name); write a plain value, in quotes if it starts with "!"',
  'directive-line': 'must not use directives (%NAME)',
}

function overLimit(parser: Parser, lexeme: string, runs: Runs): string | undefined {
  if (lexeme.length > TEXT_LIMITS.maxValueChars) {
    return `must not have a single value longer than ${TEXT_LIMITS.maxValueChars} characters`
  }
  // One ends an entry, the next starts the following one: no valid text has three.
  if (runs.values > 2) return 'is not valid YAML or JSON: ":" or "," is missing between values'
  if (runs.idle > TEXT_LIMITS.maxIdleTokens)
    return 'must not have thousands of blank lines or marks without a value'
  if (parser.stack.length > DOCUMENT_LIMITS.maxDepth) {
    return `must not be nested deeper than ${DOCUMENT_LIMITS.maxDepth}`
  }
  const top = parser.stack.at(-1)
  if (top === undefined || !('items' in top)) return undefined
  const list =
    top.type === 'block-seq' || (top.type === 'flow-collection' && top.start.type === 'flow-seq-start')
  if (list && top.items.length > DOCUMENT_LIMITS.maxItems)
    return `must have at most ${DOCUMENT_LIMITS.maxItems} items`
  if (!list && top.items.length > DOCUMENT_LIMITS.maxKeys) {
    return `must have at most ${DOCUMENT_LIMITS.maxKeys} keys in one map`
  }
  return undefined
}

function explain(fault: { code: string; message: string }): string {
  if (fault.code === 'DUPLICATE_KEY') return 'must not have the same key twice in one map'
  return `is not valid YAML or JSON: ${clean(fault.message)}`
}

/** A text of the parser may quote the input: keep it short and printable. */
function clean(message: string): string {
  return message.slice(0, 160).replace(/[^ -~]/g, '?')
}

/** The line of the deepest node a path leads to; of the key where the path ends in a map. */
function lineAt(document: Document, lines: LineCounter, path: readonly PathPart[]): number | undefined {
  let node: unknown = document.contents
  let offset = document.range?.[0] ?? 0
  if (isMap(node) || isSeq(node)) offset = node.range?.[0] ?? offset
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => keyOf(key) === part)
      if (pair === undefined) break
      offset = rangeStart(pair.key) ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      offset = rangeStart(node) ?? offset
    } else break
  }
  return lines.linePos(offset).line
}

function keyOf(key: unknown): unknown {
  return typeof key === 'object' && key !== null && 'value' in key ? key.value : key
}

function rangeStart(node: unknown): number | undefined {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(range) ? (range[0] as number) : undefined
}
