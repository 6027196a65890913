import type { NodeApi } from './core/control.ts'
import type { CoordinatorApi } from './core/coordinator-api.ts'
import { BOOK_LIMITS, type BookLimits } from './core/lease-book.ts'

/** A Durable Object namespace whose objects answer the calls of `Api`. */
export type ObjectsOf<Api> = DurableObjectNamespace<Api & Rpc.DurableObjectBranded>

/** What the platform binds; see `wrangler.toml`. Only this file reads names out of it. */
export interface Env {
  readonly NODES: ObjectsOf<NodeApi>
  readonly COORDINATOR: ObjectsOf<CoordinatorApi>
  /** The signal board; reached by `fetch` alone. */
  readonly SIGNALS: DurableObjectNamespace
  /** Root secret of the admin API. Without it the admin API answers 503. */
  readonly STINT_ADMIN_TOKEN?: string
  /** `TEAM.cloudflareaccess.com` and the application's audience tag: operators may come by Cloudflare Access. */
  readonly STINT_ACCESS_TEAM_DOMAIN?: string
  readonly STINT_ACCESS_AUD?: string
}

/** Bounds of one edge isolate. Each is a hard limit; tests hold them at the limit and one beyond. */
export interface Limits {
  readonly book: BookLimits
  /** Host names whose routes are kept; those somebody claims and those nobody claims have budgets of their own. */
  readonly knownHosts: number
  readonly unknownHosts: number
  /** How long a route is used before it is read again in the background, and a "nobody" is believed. */
  readonly routeFreshMs: number
  readonly unknownFreshMs: number
  /** How long a stale route is still used while the coordinator does not answer. */
  readonly routeStaleMs: number
  /** How long a message to a node may take before it is given up. */
  readonly messageMs: number
  readonly upstreamMs: number
}

/** The defaults of {@link Limits}, for an isolate of 128 MiB. */
export const LIMITS: Limits = {
  book: BOOK_LIMITS,
  knownHosts: 20_000,
  unknownHosts: 2_000,
  routeFreshMs: 10_000,
  unknownFreshMs: 5_000,
  routeStaleMs: 3_600_000,
  messageMs: 1_000,
  upstreamMs: 30_000,
}

/** The name of the one coordinator object. */
export const COORDINATOR_NAME = 'main'
