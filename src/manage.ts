import type { ExecutionContext } from 'hono'
import type { Env } from './config.ts'
import type { EdgeFigures } from './core/edge-tally.ts'

/** What of `/_stint/` is data; the rest is the dashboard's. */
const DATA = /^\/_stint\/(?:api\/|openapi\.json$|metrics$|healthz$|readyz$)/

/** The admin API and the dashboard, each loaded by its first request. */
export async function manage(
  request: Request,
  env: Env,
  ctx: ExecutionContext,
  figures: EdgeFigures,
  toEdge: (request: Request) => Response | Promise<Response>,
): Promise<Response> {
  if (!DATA.test(new URL(request.url).pathname)) {
    const { dashboardFetch } = await import('./dashboard/serve.ts')
    return dashboardFetch(request, env)
  }
  const { adminFetch } = await import('./admin/app.ts')
  return adminFetch(request, { ...env, figures }, ctx, { toEdge })
}
