import type { MiddlewareHandler } from 'hono'
import type { AdminHono } from './env.ts'
import { Problem } from './problem.ts'

/**
 * Refuses what another site's page sends with its visitor's credentials (Cloudflare Access travels in a
 * cookie): by `Sec-Fetch-Site`, which pages cannot forge, and by `Origin` for older browsers. There is no CORS.
 */
export const refuseCrossSite: MiddlewareHandler<AdminHono> = async (c, next) => {
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && origin !== new URL(c.req.url).origin)
  if (foreign) throw new Problem(403, 'cross-site', 'requests of other sites are refused')
  await next()
}

/** Answers are for the one who asked, now, and are data, never a page. */
export const plainAnswers: MiddlewareHandler<AdminHono> = async (c, next) => {
  await next()
  c.res.headers.set('cache-control', 'no-store')
  c.res.headers.set('x-content-type-options', 'nosniff')
  c.res.headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  c.res.headers.set('referrer-policy', 'no-referrer')
}
