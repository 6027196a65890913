import { type Env, LIMITS } from './config.ts'
import { EdgeTally } from './core/edge-tally.ts'
import { createGateway } from './edge/gateway.ts'

export { CoordinatorObject } from './coordinator/coordinator-object.ts'
export { FeedObject } from './dashboard/feed-object.ts'
export { NodeObject } from './node/node-object.ts'
export { SignalBoard } from './signals/signal-board.ts'

const tally = new EdgeTally()
const gateway = createGateway<Env>(LIMITS, tally)

/** What of `/_stint/` is data; the rest is the dashboard's. */
const DATA = /^\/_stint\/(?:api\/|openapi\.json$|metrics$|healthz$|readyz$)/

export default {
  async fetch(request, env, ctx) {
    // A search of the text first: parsing the URL costs more, and nearly every request is a tenant's.
    if (request.url.includes('/_stint')) {
      const { pathname } = new URL(request.url)
      // Both are loaded by their first request: the schema library and the page are no use to the hot path.
      if (DATA.test(pathname)) {
        const { adminFetch } = await import('./admin/app.ts')
        const toEdge = (to: Request) => gateway.fetch(to, env, ctx)
        return adminFetch(request, env, ctx, { toEdge, tally })
      }
      if (pathname === '/_stint' || pathname.startsWith('/_stint/')) {
        const { dashboardFetch } = await import('./dashboard/serve.ts')
        return dashboardFetch(request, env)
      }
    }
    return gateway.fetch(request, env, ctx)
  },
} satisfies ExportedHandler<Env>
