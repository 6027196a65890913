import { toMicro } from '../core/amount.ts'
import type { Route } from '../core/control.ts'
import { AddressSet } from './access.ts'
import { type Prices, pricesOf } from './cost.ts'
import { TenantFields } from './fields.ts'
import { under } from './identify.ts'

/** A route as the isolate keeps it: with what the hot path needs worked out once. */
export interface KnownRoute {
  readonly route: Route
  readonly prices: Prices
  /** Guaranteed micro-tokens per round. */
  readonly baseTokens: number
  /** Absent where the tenant switched the fields off. */
  readonly fields: TenantFields | undefined
  readonly deny: AddressSet | undefined
  readonly allow: AddressSet | undefined
  /** Hashes of the keys one of which a request must present; empty if none is needed. */
  readonly keys: ReadonlySet<string>
  readonly devices: readonly DeviceMatch[]
  /** Heads of answers 429 by their Retry-After in seconds, made once each. */
  readonly refusals: Map<number, Response>
  /** Head of the built-in echo's answers, made by the first. */
  echoHead: Response | undefined
}

/** One way to match a device, the most specific first. */
interface DeviceMatch {
  readonly device: string
  readonly host: string | undefined
  readonly path: string | undefined
  readonly method: string | undefined
}

/** Works out a route for the hot path. */
export function prepareRoute(route: Route): KnownRoute {
  const { policy, roundMs } = route
  return {
    route,
    prices: pricesOf(policy.cost),
    baseTokens: Math.round((toMicro(policy.base) * roundMs) / 1000),
    fields: policy.rateLimitFields ? new TenantFields(policy) : undefined,
    deny: policy.deny.length === 0 ? undefined : new AddressSet(policy.deny),
    allow: policy.allow.length === 0 ? undefined : new AddressSet(policy.allow),
    // A route handed out by a coordinator of the version before has no keys.
    keys: new Set((policy.keys ?? []).map(({ sha256 }) => sha256)),
    devices: policy.devices.flatMap(deviceMatches).sort(moreSpecific),
    refusals: new Map(),
    echoHead: undefined,
  }
}

/** The device of a tenant that a request belongs to; undefined for none. */
export function deviceOf(known: KnownRoute, host: string, path: string, method: string): string | undefined {
  for (const match of known.devices) {
    if (match.host !== undefined && match.host !== host) continue
    if (match.method !== undefined && match.method !== method) continue
    if (match.path === undefined || under(path, match.path)) return match.device
  }
  return undefined
}

function deviceMatches({ name, match }: Route['policy']['devices'][number]): DeviceMatch[] {
  const orAny = (list: readonly string[]) => (list.length === 0 ? [undefined] : list)
  return orAny(match.hosts).flatMap((host) =>
    orAny(match.paths).flatMap((path) =>
      orAny(match.methods).map((method) => ({ device: name, host, path, method })),
    ),
  )
}

/** As `core/manifest/route.ts` says: a named host, then the longer path, then a named method. */
function moreSpecific(a: DeviceMatch, b: DeviceMatch): number {
  const named = (it: string | undefined) => (it === undefined ? 0 : 1)
  return (
    named(b.host) - named(a.host) ||
    (b.path?.length ?? 0) - (a.path?.length ?? 0) ||
    named(b.method) - named(a.method)
  )
}
