import type { MiddlewareHandler } from 'hono'
import type { AdminHono } from './env.ts'
import { API_BASE } from './version.ts'

/** Field by which an answer names its request. */
const REQUEST_ID = 'x-request-id'

const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/**
 * Names every request and writes one line of JSON for each that changes something or fails: who, what, how it
 * ended, how long it took, and the trace it belongs to (W3C trace context). The name is the platform's, where
 * it gives one. With `STINT_LOG` set to `errors` only failures are told. Never the query, a body or a credential.
 */
export const logged: MiddlewareHandler<AdminHono> = async (c, next) => {
  const beganMs = Date.now()
  const requestId = idOf(c.req.header('cf-ray'))
  await next()
  c.res.headers.set(REQUEST_ID, requestId)
  const { status } = c.res
  const reads =
    c.req.method === 'GET' || c.req.method === 'HEAD' || c.req.path.startsWith(`${API_BASE}/demo/`)
  if (status < 500 && (reads || c.env.STINT_LOG === 'errors')) return
  const principal: AdminHono['Variables']['principal'] | undefined = c.get('principal')
  const trace = TRACE.exec(c.req.header('traceparent') ?? '')?.[1]
  const line = JSON.stringify({
    level: status >= 500 ? 'error' : 'info',
    time: new Date(beganMs).toISOString(),
    requestId,
    ...(trace === undefined ? {} : { traceId: trace }),
    method: c.req.method,
    path: c.req.path.slice(0, 200),
    status,
    tookMs: Date.now() - beganMs,
    ...(principal === undefined ? {} : { actor: principal.actor }),
  })
  if (status >= 500) console.error(line)
  else console.log(line)
}

function idOf(ray: string | undefined): string {
  return ray !== undefined && /^[\w-]{1,64}$/.test(ray) ? ray : crypto.randomUUID()
}
