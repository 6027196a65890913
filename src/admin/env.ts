import type { NodeApi } from '../core/control.ts'
import type { CoordinatorApi, Scope } from '../core/coordinator-api.ts'
import type { EdgeFigures } from '../core/edge-tally.ts'
import type { FeedApi } from '../core/feed.ts'

/** Objects that are found by name. */
export interface ByName<Stub> {
  getByName(name: string): Stub
}

/** The part of a stub by which the signal board is asked. */
export interface Fetcher {
  fetch(url: string, init?: { method: string; body: string }): Promise<Response>
}

/** What the admin API needs of the platform. */
export interface AdminEnv {
  readonly COORDINATOR: ByName<CoordinatorApi>
  readonly NODES: ByName<Pick<NodeApi, 'state'>>
  readonly SIGNALS?: ByName<Fetcher>
  /** What the edge that a request came by has counted; no binding, it comes with each request. */
  readonly figures?: EdgeFigures
  /** The object that keeps the live picture; without it there is no dashboard and no metrics. */
  readonly FEED?: ByName<FeedApi>
  /** `1` in the local demo: the dashboard may send traffic to tenants. */
  readonly STINT_DEMO?: string
  /** `errors`: of requests only those that fail are logged. */
  readonly STINT_LOG?: string
  /** A token for `/_stint/metrics` alone, at least {@link MIN_SECRET_LENGTH} characters. */
  readonly STINT_METRICS_TOKEN?: string
  /** Root secret, at least {@link MIN_SECRET_LENGTH} characters. */
  readonly STINT_ADMIN_TOKEN?: string
  /** Origins that nodes may name; see `EdgeEnv`. */
  readonly STINT_ORIGINS?: string
  /** `TEAM.cloudflareaccess.com`: operators may come with a JWT of Cloudflare Access. */
  readonly STINT_ACCESS_TEAM_DOMAIN?: string
  /** Audience tag of the Access application. */
  readonly STINT_ACCESS_AUD?: string
}

/** Shortest root secret that is accepted: shorter ones can be guessed. */
export const MIN_SECRET_LENGTH = 32

/** The one coordinator, and the one signal board. */
export const MAIN = 'main'

/** What the Worker's own isolate offers the admin API besides its bindings. */
export interface Neighbours {
  /** Sends a request through this isolate's edge, for the demo. */
  readonly toEdge?: (request: Request, env: AdminEnv) => Response | Promise<Response>
}

/** Who asks. */
export interface Principal {
  /** How the journal calls them: `root`, `token ID`, `access EMAIL`. */
  readonly actor: string
  /** The tenant they are confined to; absent for operators. */
  readonly tenant?: string
  readonly scopes: readonly Scope[]
}

/** What the middlewares hand on. */
export interface AdminVariables {
  principal: Principal
  /** The parsed body of a write. */
  body: unknown
  /** The body's text, for the fingerprint of the idempotency key. */
  bodyText: string
}

/** Hono's environment of the admin API. */
export interface AdminHono {
  Bindings: AdminEnv
  Variables: AdminVariables
}
