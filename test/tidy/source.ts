/** Files of the repository: path from its root, with "/", to text. */
export type Files = ReadonlyMap<string, string>

/** One import or re-export of a module. */
export interface Import {
  readonly from: string
  /** Leaves nothing behind at run time. */
  readonly typeOnly: boolean
  readonly line: number
}

/**
 * TypeScript with the contents of comments, strings and regular expressions replaced by blanks, and code inside
 * `${…}` kept. Lines and columns stay, so that a word found is a word of code, at its place.
 */
export function codeOf(text: string): string {
  return scan(text, true)
}

/** TypeScript with only the comments blanked. */
export function withoutComments(text: string): string {
  return scan(text, false)
}

/** The modules a source names in import and export declarations, import() and require() included. */
export function importsOf(text: string): Import[] {
  const plain = withoutComments(text)
  const code = codeOf(text)
  const imports: Import[] = []
  const forms = [
    /\b(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]*?\s*from\s*)?['"]([^'"\n]+)['"]/g,
    /\b(?:import|require)\s*\(\s*()['"]([^'"\n]+)['"]/g,
  ]
  for (const form of forms) {
    for (const found of plain.matchAll(form)) {
      if (code[found.index] === ' ') continue // inside a string
      const inner = /\{([^}]*)\}/.exec(found[0])?.[1]
      const names = inner?.split(',').filter((name) => name.trim() !== '') ?? []
      const allTypes = names.length > 0 && names.every((name) => /^\s*type\s/.test(name))
      const typeOnly = Boolean(found[1]) || (allTypes && /^\w+\s*\{/.test(found[0]))
      imports.push({ from: found[2]!, typeOnly, line: lineAt(text, found.index) })
    }
  }
  return imports
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** Where a relative import of a file leads, or undefined for a package. */
export function resolve(file: string, from: string): string | undefined {
  if (!from.startsWith('.')) return undefined
  const parts = file.split('/').slice(0, -1)
  for (const part of from.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

const blank = (text: string) => text.replace(/[^\n]/g, ' ')
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`|\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/|[{}]/g
/** What may stand before a regular expression; after anything else a slash divides. */
const BEFORE_REGEX = /(?:^|[([{}=,;:!&|?+*%~^<>-]|\b(?:return|typeof|case|in|of|void|delete|yield))\s*$/

function scan(text: string, strings: boolean): string {
  let out = ''
  let at = 0
  const templates: number[] = [] // depth of braces at which each open ${ ends
  let depth = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) return out + text.slice(at)
    out += text.slice(at, found.index)
    const token = found[0]
    at = found.index + token.length
    if (token === '{') depth++
    const closes = token === '}' && templates.at(-1) === depth
    if (closes) templates.pop()
    else if (token === '}') depth--
    if (closes || token === '`') {
      const [literal, mark] = templatePart(text, at)
      out += token + (strings ? blank(literal) : literal) + mark
      at += literal.length + mark.length
      if (mark === '${') templates.push(depth)
    } else if (token.startsWith('//') || token.startsWith('/*')) out += blank(token)
    else if (token.startsWith('/') && !BEFORE_REGEX.test(out)) {
      out += '/'
      at = found.index + 1
    } else if (token.length === 1) out += token
    else out += strings ? token[0] + blank(token.slice(1, -1)) + token.at(-1) : token
  }
  return out
}

/** The literal part of a template from `at`, and the mark it ends with: a backtick or `${`. */
function templatePart(text: string, at: number): [literal: string, mark: string] {
  for (let i = at; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') return [text.slice(at, i), '`']
    else if (text.startsWith('${', i)) return [text.slice(at, i), '${']
  }
  return [text.slice(at), '']
}
