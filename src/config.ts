import type { NodeApi } from './core/control.ts'
import type { CoordinatorApi } from './core/coordinator-api.ts'
import type { FeedApi } from './core/feed.ts'
import { BOOK_LIMITS, type BookLimits } from './core/lease-book.ts'
import { type OriginRule, parseOriginRules, serviceBinding } from './core/origin.ts'

/** A Durable Object namespace whose objects answer the calls of `Api`. */
export type ObjectsOf<Api> = DurableObjectNamespace<Api & Rpc.DurableObjectBranded>

/**
 * What the platform binds; see `wrangler.toml`. A text that workerd takes from its environment is null where that is
 * not set: read with `??`, never compared with undefined.
 */
export interface Env {
  readonly NODES: ObjectsOf<NodeApi>
  readonly COORDINATOR: ObjectsOf<CoordinatorApi>
  /** The live picture behind the dashboard and the metrics. */
  readonly FEED: ObjectsOf<FeedApi>
  /** The signal board; reached by `fetch` alone. */
  readonly SIGNALS: DurableObjectNamespace
  /** Root secret of the admin API. Without it the admin API answers 503. */
  readonly STINT_ADMIN_TOKEN?: string
  /** `TEAM.cloudflareaccess.com` and the application's audience tag: operators may come by Cloudflare Access. */
  readonly STINT_ACCESS_TEAM_DOMAIN?: string
  readonly STINT_ACCESS_AUD?: string
  /** Origins that nodes may name: `host`, `host:port`, `*.domain` or `*` (any public name), by commas. None by default. */
  readonly STINT_ORIGINS?: string
  /** Hooks that placement may call, in the same form; loopback over plain http too, when named. None by default. */
  readonly STINT_HOOKS?: string
  /** What calls of the hook are signed with, at least 32 characters. */
  readonly STINT_HOOK_SECRET?: string
  /** How often a node reports to the coordinator at most, ms, 100 … 60 000; 5 000 by default. Five missed reports are a failure. */
  readonly STINT_REPORT_MS?: string
  /** `errors`: of requests to the admin API only those that fail are logged. */
  readonly STINT_LOG?: string
  /** A token that can read `/_stint/metrics` and nothing else. */
  readonly STINT_METRICS_TOKEN?: string
  /** `1` in the local demo only: the dashboard may send traffic to tenants. */
  readonly STINT_DEMO?: string
  /**
   * The request header in which the platform tells the client's address, such as `CF-Connecting-IP` behind
   * Cloudflare. Unset, no header is believed: deny lists match nobody and allow lists let nobody in.
   */
  readonly STINT_ADDRESS_HEADER?: string
}

/** What the edge needs of its environment; a Worker of one's own binds these two. */
export type EdgeEnv = Pick<Env, 'NODES' | 'COORDINATOR' | 'STINT_ORIGINS' | 'STINT_ADDRESS_HEADER'>

/** The edge's settings as read from the environment. */
export interface EdgeSettings {
  readonly origins: readonly OriginRule[]
  readonly addressHeader: string | undefined
}

/** Reads the edge's settings. A list of origins that cannot be read allows none. */
export function edgeSettings(env: EdgeEnv): EdgeSettings {
  const origins = parseOriginRules(env.STINT_ORIGINS ?? '')
  if (!origins.ok) console.error(`STINT_ORIGINS: ${origins.error}; no origin is allowed`)
  const header = env.STINT_ADDRESS_HEADER ?? ''
  return Object.freeze({
    origins: origins.ok ? origins.value : [],
    addressHeader: header === '' ? undefined : header,
  })
}

/** The service a node names as its origin, if it is bound. */
export function serviceOf(env: EdgeEnv, name: string): Fetcher | undefined {
  const binding: unknown = Reflect.get(env, serviceBinding(name))
  return typeof binding === 'object' && binding !== null && 'fetch' in binding
    ? (binding as Fetcher)
    : undefined
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
  /** How long an origin may take until its answer begins, and how long a body may keep it waiting. */
  readonly upstreamMs: number
  readonly bodyIdleMs: number
  /** Longest request body, bytes. */
  readonly bodyBytes: number
  /** Questions to the coordinator under way at a time, so that invented hosts do not flood it. */
  readonly lookups: number
  /** Names nobody claims that are looked up per second and isolate, after a burst of four times as many. */
  readonly unknownPerSecond: number
  /** Answers 429 that have a body, per second and tenant (or device); in a flood the rest are heads alone. */
  readonly refusalBodiesPerSecond: number
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
  bodyIdleMs: 30_000,
  bodyBytes: 100 * 1024 * 1024,
  lookups: 64,
  unknownPerSecond: 50,
  refusalBodiesPerSecond: 1_000,
}

/** The name of the one coordinator object. */
export const COORDINATOR_NAME = 'main'
