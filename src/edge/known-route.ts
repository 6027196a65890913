import { toMicro } from '../core/amount.ts'
import type { Route } from '../core/control.ts'
import { DEFAULT_DEVICE, restOfBase } from '../core/placed.ts'
import type { RequestTarget } from '../core/request-path.ts'
import { AddressSet } from './access.ts'
import { type Prices, pricesOf } from './cost.ts'
import { POLICY_NAME, TenantFields } from './fields.ts'
import { under } from './identify.ts'
import { Refusals } from './refusals.ts'
import type { SharedHead } from './shared-head.ts'

/** A route as the isolate keeps it: with what the hot path needs worked out once. */
export interface KnownRoute {
  readonly route: Route
  readonly prices: Prices
  /** The share of whatever matches no device; of a tenant without devices, the tenant's own. */
  readonly share: Share
  readonly deny: AddressSet | undefined
  readonly allow: AddressSet | undefined
  /** Hashes of the keys one of which a request must present; empty if none is needed. */
  readonly keys: ReadonlySet<string>
  readonly devices: readonly DeviceMatch[]
  /** Head of the built-in echo's answers, made by the first. */
  echoHead: SharedHead | undefined
}

/** A tenant's share, or one device's: whose tokens a request spends, and what its client is told of them. */
export interface Share {
  /** Absent where a request belongs to no device, or to the default one. */
  readonly device: string | undefined
  /** Guaranteed micro-tokens per round. */
  readonly baseTokens: number
  /** Absent where the tenant switched the fields off. */
  readonly fields: TenantFields | undefined
  readonly refusals: Refusals
}

/** One way to match a device, the most specific first. */
interface DeviceMatch {
  readonly share: Share
  readonly host: string | undefined
  readonly path: string | undefined
  readonly method: string | undefined
}

/** Works out a route for the hot path. */
export function prepareRoute(route: Route): KnownRoute {
  const { policy } = route
  const rest = policy.devices.find(({ name }) => name === DEFAULT_DEVICE)?.base ?? restOfBase(policy)
  const share =
    policy.devices.length === 0
      ? shareOf(route, undefined, policy.base, POLICY_NAME)
      : shareOf(route, undefined, rest, DEFAULT_DEVICE)
  const devices = policy.devices.flatMap((device) => {
    const { name, base, match } = device
    return deviceMatches(name === DEFAULT_DEVICE ? share : shareOf(route, name, base, name), match)
  })
  return {
    route,
    prices: pricesOf(policy.cost),
    share,
    deny: policy.deny.length === 0 ? undefined : new AddressSet(policy.deny),
    allow: policy.allow.length === 0 ? undefined : new AddressSet(policy.allow),
    // A route handed out by a coordinator of the version before has no keys.
    keys: new Set((policy.keys ?? []).map(({ sha256 }) => sha256)),
    devices: devices.sort(moreSpecific),
    echoHead: undefined,
  }
}

function shareOf({ policy, roundMs }: Route, device: string | undefined, base: number, name: string): Share {
  const { cost, rateLimitFields } = policy
  const baseTokens = Math.round((toMicro(base) * roundMs) / 1000)
  const sparing = rateLimitFields === 'sparing' ? baseTokens : undefined
  const fields = rateLimitFields ? new TenantFields({ base, cost }, name, sparing) : undefined
  return {
    device,
    baseTokens,
    fields,
    refusals: new Refusals(name, fields),
  }
}

/** Whose tokens a request of a tenant spends. */
export function shareOfRequest(
  known: KnownRoute,
  { method }: Request,
  { host, guard }: RequestTarget,
): Share {
  for (const match of known.devices) {
    if (match.host !== undefined && match.host !== host) continue
    if (match.method !== undefined && match.method !== method) continue
    if (match.path === undefined || under(guard, match.path)) return match.share
  }
  return known.share
}

function deviceMatches(share: Share, match: Route['policy']['devices'][number]['match']): DeviceMatch[] {
  const orAny = (list: readonly string[]) => (list.length === 0 ? [undefined] : list)
  return orAny(match.hosts).flatMap((host) =>
    orAny(match.paths).flatMap((path) =>
      orAny(match.methods).map((method) => ({ share, host, path, method })),
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
