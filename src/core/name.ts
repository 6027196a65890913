import { err, ok, type Result } from './result.ts'

/** Longest tenant, node or device name, in characters. */
export const MAX_NAME_LENGTH = 63

/** Longest host name, in characters (RFC 1035: 255 octets on the wire are 253 characters). */
export const MAX_HOST_LENGTH = 253

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/
// A label of a host name: letters, digits, hyphens inside (RFC 1123), and underscores, which tenants' names may hold.
const HOST = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/
const PORT = /^\d{1,5}$/

/** Whether a value is a tenant, node or device name: `[a-z0-9][a-z0-9._-]{0,62}`. Makes no text, for hot paths. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && NAME.test(value)
}

/**
 * Checks a tenant, node or device name: `[a-z0-9][a-z0-9._-]{0,62}`. Nothing is repaired: two spellings that
 * look alike must never become one tenant.
 *
 * @returns the name, or a text that says what is wrong and what to do
 */
export function parseName(value: unknown): Result<string, string> {
  if (isName(value)) return ok(value)
  return err(nameFault(value))
}

function nameFault(value: unknown): string {
  const rule = 'use a-z, 0-9, ".", "_" and "-", starting with a letter or digit, for example "team-1"'
  if (typeof value !== 'string') return `must be a string; ${rule}`
  if (value === '') return `must not be empty; ${rule}`
  if (value.length > MAX_NAME_LENGTH) {
    return `must be at most ${MAX_NAME_LENGTH} characters, this has ${value.length}; shorten it`
  }
  const at = value.search(/[^a-z0-9._-]/)
  if (at < 0) return `must not start with ${quote(value[0]!)}; ${rule}`
  const bad = String.fromCodePoint(value.codePointAt(at)!)
  if (/^[A-Z]$/.test(bad))
    return `must be lower case, got ${quote(value)}; write ${quote(value.toLowerCase())}`
  return `must not contain ${quote(bad)} (position ${at + 1}); ${rule}`
}

/**
 * Brings a host name (of a manifest, a `Host` header or a URL) to the one form in which hosts are compared:
 * lower case, no port, no trailing dot. Anything that is not plain ASCII is refused rather than mapped:
 * look-alikes (full-width letters, the Kelvin sign, dotless i) would otherwise fold into a tenant's name.
 * Internationalised names come as browsers send them, in their `xn--` form. IPv6 literals are no host names.
 *
 * @returns the host name, or a text that says what is wrong and what to do
 */
export function normalizeHost(value: unknown): Result<string, string> {
  if (typeof value !== 'string') return err('must be a host name, for example "alpha.example.com"')
  // Before anything is cut or mapped: a name, a trailing dot and the longest port.
  if (value.length > MAX_HOST_LENGTH + 7) return err(tooLong(value.length))
  if (HOST.test(value) && value.length <= MAX_HOST_LENGTH) return ok(value)
  const odd = value.search(/[^!-~]/)
  if (odd >= 0) {
    const bad = quote(String.fromCodePoint(value.codePointAt(odd)!))
    return err(`must be ASCII, got ${bad}; write an international name in its "xn--" form`)
  }
  if (value.startsWith('[')) return err('must be a host name, not an IPv6 address')
  const colon = value.indexOf(':')
  let host = (colon < 0 ? value : value.slice(0, colon)).toLowerCase()
  if (colon >= 0 && !isPort(value.slice(colon + 1))) return err(`has a malformed port: ${quote(value)}`)
  if (host.endsWith('.')) host = host.slice(0, -1)
  if (host.length > MAX_HOST_LENGTH) return err(tooLong(host.length))
  if (HOST.test(host)) return ok(host)
  if (host === '') return err('must not be empty; write a host name, for example "alpha.example.com"')
  return err(
    `must be a host name, got ${quote(value)}; use labels of 1 to 63 letters, digits, "-" and "_" joined by "."`,
  )
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535
}

function tooLong(length: number): string {
  return `must be at most ${MAX_HOST_LENGTH} characters, this has ${length}`
}

/**
 * Joins parts to one key so that different parts always give different keys: `/` separates, and `~` and `/`
 * inside a part are escaped as in JSON pointers (RFC 6901). Names pass unchanged: `alpha/web`.
 */
export function compositeKey(first: string, ...rest: readonly string[]): string {
  let key = escapePart(first)
  for (const part of rest) key += `/${escapePart(part)}`
  return key
}

/** The parts {@link compositeKey} was given. */
export function splitCompositeKey(key: string): string[] {
  return key.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function escapePart(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}

/**
 * An input as it may stand in an error text or a log line: JSON-quoted, cut to 64 characters, and with every
 * character outside printable ASCII escaped, so that it cannot break a line or turn the reading direction.
 */
export function quote(text: string): string {
  const cut = text.length > 64 ? `${text.slice(0, 64)}…` : text
  return JSON.stringify(cut).replace(
    /[^ -~…]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
