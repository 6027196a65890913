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

/**
 * The edge as a Worker of its own, in front of `worker.ts`: an isolate that begins compiles all that was uploaded
 * with it, so here is only what a tenant's request needs.
 */
export default createGateway<FrontEnv>(LIMITS, tally, (url, request, env) =>
  isManagement(url) ? env.MANAGEMENT.fetch(withTally(request, tally)) : undefined,
) satisfies ExportedHandler<FrontEnv>
