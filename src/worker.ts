import { WorkerEntrypoint } from 'cloudflare:workers'
import type { ExecutionContext, Hono } from 'hono'
import { type Env, LIMITS } from './config.ts'
import type { CoordinatorEnv } from './coordinator/coordinator-object.ts'
import type { CoordinatorApi } from './core/coordinator-api.ts'
import { type EdgeFigures, EdgeTally } from './core/edge-tally.ts'
import type { FeedApi } from './core/feed.ts'
import type { FeedEnv } from './dashboard/feed-object.ts'
import { createGateway } from './edge/gateway.ts'
import { figuresOf, isManagement } from './management.ts'
import { onDemand } from './on-demand.ts'

export { NodeObject } from './node/node-object.ts'

/** Half of all code is the coordinator's, and there is one of it: other isolates need not load it. */
export const CoordinatorObject = onDemand<CoordinatorEnv, CoordinatorApi>(
  {
    resolveHost: true,
    resolveTenant: true,
    apply: true,
    remove: true,
    mark: true,
    revision: true,
    summary: true,
    overview: true,
    nodes: true,
    node: true,
    tenants: true,
    tenant: true,
    placements: true,
    events: true,
    createToken: true,
    revokeToken: true,
    tokens: true,
    findToken: true,
    note: true,
    signals: true,
    migrate: true,
    abortMigration: true,
    migrations: true,
    placement: true,
    setPlacement: true,
    plans: true,
    plan: true,
    makePlan: true,
    decidePlan: true,
    energy: true,
    heartbeat: true,
    handIn: true,
  },
  async () => (await import('./coordinator/coordinator-object.ts')).CoordinatorObject,
)

/** There is one, and only while somebody watches. */
export const FeedObject = onDemand<FeedEnv, FeedApi>(
  { ticket: true, snapshot: true },
  async () => (await import('./dashboard/feed-object.ts')).FeedObject,
)

/** It answers requests alone. */
export const SignalBoard = onDemand<unknown, object>(
  {},
  async () => (await import('./signals/signal-board.ts')).SignalBoard,
)

const tally = new EdgeTally()
const gateway: Hono<{ Bindings: Env }> = createGateway(LIMITS, tally, (url, request, env, ctx) =>
  isManagement(url) ? managed(request, env, ctx, tally) : undefined,
)

export default gateway satisfies ExportedHandler<Env>

/** The admin API and the dashboard for an edge that is a Worker of its own (`edge-worker.ts`). */
export class Management extends WorkerEntrypoint<Env> {
  override fetch(request: Request): Promise<Response> {
    return managed(request, this.env, this.ctx, figuresOf(request))
  }
}

/** The schema library and the page are no use to the hot path. */
async function managed(request: Request, env: Env, ctx: ExecutionContext, figures: EdgeFigures) {
  const { manage } = await import('./manage.ts')
  return manage(request, env, ctx, figures, (to) => gateway.fetch(to, env, ctx))
}
