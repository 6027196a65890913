import { type EdgeEnv, LIMITS } from './config.ts'
import { EdgeTally } from './core/edge-tally.ts'
import { createGateway } from './edge/gateway.ts'
import { isManagement, withTally } from './management.ts'

/** What `wrangler.edge.toml` binds. */
interface FrontEnv extends EdgeEnv {
  /** The entrypoint `Management` of the Worker that has the objects, the admin API and the dashboard. */
  readonly MANAGEMENT: Fetcher
}

const tally = new EdgeTally()
const gateway = createGateway<FrontEnv>(LIMITS, tally)

/**
 * The edge as a Worker of its own, in front of `worker.ts`: an isolate that begins compiles all that was uploaded
 * with it, so here is only what a tenant's request needs.
 */
export default {
  fetch(request, env, ctx) {
    if (isManagement(request.url)) return env.MANAGEMENT.fetch(withTally(request, tally))
    return gateway.fetch(request, env, ctx)
  },
} satisfies ExportedHandler<FrontEnv>
