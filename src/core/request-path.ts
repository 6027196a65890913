import { normalizeHost } from './name.ts'

/** What a request names: whose it is by `host` and `guard`, what is asked of the origin by `path` and `search`. */
export interface RequestTarget {
  /** In the form of `normalizeHost`. */
  readonly host: string
  /** As it is sent on: absolute, dot segments resolved. */
  readonly path: string
  /** As rules compare it: escapes decoded, backslashes and repeated slashes folded, dot segments resolved. */
  readonly guard: string
  /** With its "?", or empty. */
  readonly search: string
}

/** Nothing in it needs normalising: no escapes, backslashes, upper-case hosts or user names. */
const PLAIN = /^https?:\/\/([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::\d{1,5})?(\/[^?#%\\\s]*)(\?[^#]*)?$/

/**
 * Reads the address of a request.
 *
 * @returns undefined for a host that is none, and for a path that no rule can judge (malformed escapes, NUL)
 */
export function parseTarget(url: string): RequestTarget | undefined {
  const plain = PLAIN.exec(url)
  if (plain !== null) {
    const [, host = '', path = '', search = ''] = plain
    if (host.length <= 253 && !host.includes('..') && !path.includes('//') && !path.includes('/.')) {
      return { host, path, guard: path, search }
    }
  }
  return parseOdd(url)
}

function parseOdd(text: string): RequestTarget | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const host = normalizeHost(url.hostname)
  const guard = guardPath(url.pathname)
  if (!host.ok || guard === undefined || url.username !== '' || url.password !== '') return undefined
  return { host: host.value, path: url.pathname, guard, search: url.search }
}

/**
 * A path as rules must compare it, so that no spelling slips past them: what a lenient origin would make of
 * it. `/x/../admin`, `/%2e%2e/admin`, `/a%2fb`, `//admin` and `/a\b` lose their disguise.
 *
 * @returns undefined when escapes are malformed or hide a NUL
 */
export function guardPath(pathname: string): string | undefined {
  let path = pathname
  if (path.includes('%')) {
    try {
      path = decodeURIComponent(path)
    } catch {
      return undefined
    }
  }
  if (path.includes('\0')) return undefined
  const parts: string[] = []
  for (const part of path.split(/[/\\]+/)) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  const end = parts.length > 0 && /[/\\]\.{0,2}$/.test(path) ? '/' : ''
  return `/${parts.join('/')}${end}`
}
