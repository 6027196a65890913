import type { Route } from '../core/control.ts'
import { failure } from './answers.ts'

/** Tells that a request was admitted on tokens borrowed from idle tenants. */
const BORROWED_HEADER = 'Stint-Borrowed'

/** Headers that end at this hop (RFC 9110, section 7.6.1), and those of our own that clients must not send. */
const NOT_FORWARDED = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'stint-borrowed',
  'stint-tenant',
  'stint-cost',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'forwarded',
]

/** Sends an admitted request to the origin of the tenant's node, or answers it by the built-in echo. */
export async function forward(
  request: Request,
  url: URL,
  route: Route,
  borrowed: boolean,
  upstreamMs: number,
): Promise<Response> {
  const { upstream } = route
  if ('echo' in upstream) return echo(request, url, route, borrowed)
  if (!('url' in upstream))
    return failure(502, 'no-upstream', 'this kind of origin cannot be reached from here')
  const headers = new Headers(request.headers)
  for (const name of NOT_FORWARDED) headers.delete(name)
  headers.set('Stint-Tenant', route.tenant)
  const target = targetOf(upstream.url, url)
  try {
    const response = await fetch(target, {
      method: request.method,
      headers,
      body: request.body,
      redirect: 'manual',
      signal: AbortSignal.timeout(upstreamMs),
    })
    if (!borrowed) return response
    const marked = new Response(response.body, response)
    marked.headers.set(BORROWED_HEADER, '1')
    return marked
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return failure(504, 'upstream-timeout', 'the origin did not answer in time')
    }
    return failure(502, 'upstream-failed', 'the origin could not be reached')
  }
}

/** The request's path below the origin's; set as a path, so that no path can name another host. */
function targetOf(origin: string, url: URL): URL {
  const target = new URL(origin)
  target.pathname =
    (target.pathname.endsWith('/') ? target.pathname.slice(0, -1) : target.pathname) + url.pathname
  target.search = url.search
  return target
}

function echo(request: Request, url: URL, route: Route, borrowed: boolean): Response {
  const body = { tenant: route.tenant, node: route.node, method: request.method, path: url.pathname }
  const headers: Record<string, string> = { 'Content-Type': 'application/json' }
  if (borrowed) headers[BORROWED_HEADER] = '1'
  return new Response(`${JSON.stringify(body)}\n`, { headers })
}
