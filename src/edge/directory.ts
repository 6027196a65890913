import type { HostRoutes } from '../core/control.ts'
import { type KnownRoute, prepareRoute } from './known-route.ts'

interface CachedHost {
  /** What a lookup says of it, made once: every request asks. */
  readonly fresh: Lookup
  readonly stale: Lookup
  /** When the coordinator said so. */
  readonly readAtMs: number
  refreshing: boolean
  expired: boolean
}

/** What the cache knows of a host name. */
export type Lookup =
  | { readonly kind: 'known'; readonly routes: readonly KnownRoute[]; readonly stale: boolean }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'miss' }

export interface DirectoryLimits {
  readonly knownHosts: number
  readonly unknownHosts: number
  readonly routeFreshMs: number
  readonly unknownFreshMs: number
  readonly routeStaleMs: number
}

const MISS: Lookup = { kind: 'miss' }
const NOBODY: Lookup = { kind: 'nobody' }

/**
 * What an isolate remembers of the coordinator's directory. Host names nobody claims share a small budget
 * of their own, so that inventing names never evicts a tenant. Plain data: any request may read and write.
 */
export class Directory {
  readonly #limits: DirectoryLimits
  readonly #hosts = new Map<string, CachedHost>()
  readonly #unknown = new Map<string, number>()

  constructor(limits: DirectoryLimits) {
    this.#limits = limits
  }

  lookup(host: string, nowMs: number): Lookup {
    const cached = this.#hosts.get(host)
    if (cached !== undefined) {
      const ageMs = nowMs - cached.readAtMs
      if (ageMs > this.#limits.routeStaleMs) return MISS
      return cached.expired || ageMs > this.#limits.routeFreshMs ? cached.stale : cached.fresh
    }
    const saidAtMs = this.#unknown.get(host)
    if (saidAtMs === undefined || nowMs - saidAtMs > this.#limits.unknownFreshMs) return MISS
    return NOBODY
  }

  /** Claims the one background refresh of a stale host; false when another request has it. */
  beginRefresh(host: string): boolean {
    const cached = this.#hosts.get(host)
    if (cached === undefined || cached.refreshing) return false
    cached.refreshing = true
    return true
  }

  /** Gives a failed refresh back: the stale route is used on, and the next request may try again. */
  failRefresh(host: string): void {
    const cached = this.#hosts.get(host)
    if (cached !== undefined) cached.refreshing = false
  }

  /** Notes the coordinator's word on a host. */
  learn(host: string, answer: HostRoutes | null, nowMs: number): void {
    if (answer === null || answer.routes.length === 0) {
      this.#hosts.delete(host)
      this.#unknown.delete(host)
      this.#unknown.set(host, nowMs)
      dropOldest(this.#unknown, this.#limits.unknownHosts)
      return
    }
    this.#unknown.delete(host)
    this.#hosts.delete(host)
    const routes = answer.routes.map(prepareRoute)
    this.#hosts.set(host, {
      fresh: { kind: 'known', routes, stale: false },
      stale: { kind: 'known', routes, stale: true },
      readAtMs: nowMs,
      refreshing: false,
      expired: false,
    })
    dropOldest(this.#hosts, this.#limits.knownHosts)
  }

  /** Makes a route stale if it was read before then: it is used on, and read again in the background. */
  expire(host: string, readBeforeMs = Number.POSITIVE_INFINITY): void {
    const cached = this.#hosts.get(host)
    if (cached !== undefined && cached.readAtMs < readBeforeMs) cached.expired = true
  }

  /** Forgets a host, so that the next request reads its route anew. */
  forget(host: string): void {
    this.#hosts.delete(host)
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return
    map.delete(key)
  }
}
