import { compositeKey, quote, splitCompositeKey } from '../name.ts'
import { err, ok, type Result } from '../result.ts'

/** Longest path prefix, in characters. */
export const MAX_PATH_LENGTH = 512

/** What requests something claims. An empty list claims all. */
export interface Match {
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly methods: readonly string[]
}

/**
 * Checks a path prefix and brings it to the form prefixes are compared in: absolute, without a final slash
 * (but "/" itself). A prefix stands for whole segments: `/api` claims `/api` and `/api/x`, not `/apix`.
 * Escapes and dot segments are refused rather than resolved, so that there is one spelling of each prefix.
 */
export function normalizePathPrefix(value: unknown): Result<string, string> {
  if (typeof value !== 'string' || !value.startsWith('/')) return err('must start with "/", such as /api')
  if (value.length > MAX_PATH_LENGTH) {
    return err(`must be at most ${MAX_PATH_LENGTH} characters, this has ${value.length}`)
  }
  const odd = /[^A-Za-z0-9._~!$&'()*+,;=:@/-]/.exec(value)
  if (odd !== null)
    return err(`must not contain ${quote(odd[0])}; write a plain path without escapes or query`)
  const segments = value.split('/')
  if (segments.includes('.') || segments.includes('..')) return err('must not contain "." or ".." segments')
  if (value.includes('//')) return err('must not contain "//"')
  return ok(value.length > 1 && value.endsWith('/') ? value.slice(0, -1) : value)
}

/**
 * The keys of the requests a match claims, one per host, path and method named. Of all matches that fit a
 * request the most specific wins: a named host before none, then the longer path, then a named method before
 * none. Two matches compete for a request without a winner exactly when they share a key.
 */
export function* routeKeys(match: Match): Generator<string> {
  for (const host of orAny(match.hosts)) {
    for (const path of match.paths.length === 0 ? ['/'] : match.paths) {
      for (const method of orAny(match.methods)) yield compositeKey(host, path, method)
    }
  }
}

/**
 * What a tenant claims for itself alone: its keys if it has any, else its routes. Tenants with keys may share
 * a route, with each other and with one that has none.
 */
export function* claimKeys(spec: {
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  readonly keys?: readonly { readonly sha256: string }[]
}): Generator<string> {
  const { hosts, paths, keys = [] } = spec
  for (const { sha256 } of keys) yield compositeKey(KEY_CLAIM + sha256)
  // Found by a function alone, a tenant claims nothing.
  if (keys.length > 0 || (hosts.length === 0 && paths.length === 0)) return
  yield* routeKeys({ hosts, paths, methods: [] })
}

/** Begins the claim of an API key: no host name holds a colon. */
const KEY_CLAIM = 'key:'

/** How many keys {@link routeKeys} makes. */
export function routeCount(match: Match): number {
  return Math.max(1, match.hosts.length) * Math.max(1, match.paths.length) * Math.max(1, match.methods.length)
}

/** A key of {@link routeKeys} or {@link claimKeys} in words: `GET alpha.localhost/api`. */
export function describeRoute(key: string): string {
  const [host = '', path = '', method = ''] = splitCompositeKey(key)
  if (host.startsWith(KEY_CLAIM)) return `the key ${host.slice(KEY_CLAIM.length, KEY_CLAIM.length + 8)}…`
  return `${method === '' ? '' : `${method} `}${host === '' ? `${path} on any host` : host + path}`
}

function orAny(list: readonly string[]): readonly string[] {
  return list.length === 0 ? [''] : list
}
