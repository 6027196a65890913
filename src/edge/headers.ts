import { KEY_HEADER } from './keys.ts'

/** Headers that end at this hop (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** What a client might pretend to be or to come from; origins may trust it only from us or the platform. */
const NOT_FROM_CLIENTS = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-original-url',
  'x-rewrite-url',
  'x-real-ip',
  'true-client-ip',
  KEY_HEADER.toLowerCase(),
]

/** Names of our own begin so; clients must not send them on, whatever they are. */
const OURS = 'stint-'

/** The headers an origin gets: the client's, without what ends here or what only we may say. */
export function onwardHeaders(from: Headers, tenant: string): Headers {
  const headers = new Headers(from)
  const upgrade = from.get('upgrade')?.toLowerCase() === 'websocket'
  for (const name of listed(from)) headers.delete(name)
  for (const name of HOP_BY_HOP) headers.delete(name)
  for (const name of NOT_FROM_CLIENTS) headers.delete(name)
  for (const name of [...headers.keys()]) if (name.startsWith(OURS)) headers.delete(name)
  // The one hop-by-hop header the platform speaks on both sides.
  if (upgrade) headers.set('Upgrade', 'websocket')
  headers.set('Stint-Tenant', tenant)
  return headers
}

/** Takes away what of an answer's headers was meant for this hop, and what only we may say. */
export function stripHopHeaders(headers: Headers): void {
  for (const name of listed(headers)) headers.delete(name)
  for (const name of HOP_BY_HOP) headers.delete(name)
  headers.delete('stint-borrowed')
  headers.delete('stint-tenant')
}

/** Further hop-by-hop headers that a message names itself; never one that carries its meaning end to end. */
function listed(headers: Headers): string[] {
  const connection = headers.get('connection')
  if (connection === null) return []
  const names = connection.split(',').map((name) => name.trim().toLowerCase())
  return names.filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !KEPT.has(name))
}

/** A client must not have the edge drop what the origin decides by. */
const KEPT: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-length',
  'content-type',
  'content-encoding',
  'cookie',
  'host',
  'cf-connecting-ip',
])
