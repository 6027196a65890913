import { normalizeHost, quote } from './name.ts'
import { err, ok, type Result } from './result.ts'

/** One entry of the operator's list of origins that may be reached. */
export interface OriginRule {
  /** A host name or address; for `subdomains` the domain below which names are allowed. Empty: any public name. */
  readonly host: string
  readonly subdomains: boolean
  /** Absent: 443. */
  readonly port?: string
}

/**
 * Reads the operator's list: entries separated by commas or blanks, each `host`, `host:port`, `*.domain` or
 * `*` (any public name). Nothing is allowed that is not listed; addresses and local names only literally.
 *
 * @returns the rules, or a text that names the entry that is wrong
 */
export function parseOriginRules(list: string): Result<readonly OriginRule[], string> {
  const rules: OriginRule[] = []
  for (const entry of list.split(/[\s,]+/)) {
    if (entry === '') continue
    const [, name = '', port] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry)!
    const withPort = port === undefined ? {} : { port }
    if (name === '*') rules.push({ host: '', subdomains: true, ...withPort })
    else {
      const host = name.startsWith('*.') ? name.slice(2) : name
      const plain = /^\[[0-9a-f:.]+\]$/i.test(host) ? ok(host.toLowerCase()) : normalizeHost(host)
      if (!plain.ok || entry.includes('/'))
        return err(`${quote(entry)} must be host, host:port, *.domain or *`)
      rules.push({ host: plain.value, subdomains: name.startsWith('*.'), ...withPort })
    }
  }
  return ok(rules)
}

/** Names that never leave the machine or the site (RFC 6761, RFC 8375, RFC 9476). */
const LOCAL_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/

/**
 * Whether an origin may be reached. The URL is judged in its normalised form, in which `127.1`, `0x7f.1` and
 * `2130706433` are `127.0.0.1`. What a public name resolves to is the platform's matter.
 *
 * @returns the URL, or a text that says why not
 */
export function checkOrigin(text: string, rules: readonly OriginRule[]): Result<URL, string> {
  if (!URL.canParse(text)) return err('must be a URL')
  const url = new URL(text)
  if (url.protocol !== 'https:') return err('must be https')
  if (url.username !== '' || url.password !== '') return err('must not name a user')
  const host = url.hostname.endsWith('.') ? url.hostname.slice(0, -1) : url.hostname
  const port = url.port === '' ? '443' : url.port
  for (const rule of rules) {
    if ((rule.port ?? '443') !== port) continue
    if (!rule.subdomains ? host === rule.host : isBelow(host, rule.host)) return ok(url)
  }
  return err(`${quote(url.host)} is not among the origins the operator allows (STINT_ORIGINS)`)
}

function isBelow(host: string, domain: string): boolean {
  if (domain !== '') return host.endsWith(`.${domain}`)
  const address = IPV4.test(host) || host.startsWith('[')
  return !address && host.includes('.') && !LOCAL_NAME.test(host)
}

/** The name under which the service that a node names as its origin is bound: "." and "-" as "_". */
export function serviceBinding(name: string): string {
  return `SERVICE_${name.toUpperCase().replace(/[.-]/g, '_')}`
}
