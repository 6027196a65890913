import { type FeedTenant, OTHERS } from '../core/feed.ts'
import type { MetricsPage } from './metrics-text.ts'

/** Tenants with series of their own; all further ones, by name, are summed under {@link OTHERS}. */
export const MAX_TENANT_SERIES = 1_000

type Value = (tenant: FeedTenant) => number

/** Families of tenants; the number of series is bounded however many tenants there are. */
export function tenantMetrics(page: MetricsPage, tenants: readonly FeedTenant[]): void {
  const own = tenants.slice(0, MAX_TENANT_SERIES)
  const others = tenants.slice(MAX_TENANT_SERIES)
  const each = (add: (value: number, tenant: string) => void, value: Value) => {
    for (const tenant of own) add(value(tenant), tenant.name)
    if (others.length > 0)
      add(
        others.reduce((sum, tenant) => sum + value(tenant), 0),
        OTHERS,
      )
  }
  const family = (name: string, type: 'counter' | 'gauge', help: string, value: Value) => {
    const written = page.family(name, type, help)
    each((sum, tenant) => written.add(sum, { tenant }), value)
  }
  family('stint_requests_admitted_total', 'counter', 'Requests admitted.', (it) => it.admitted)
  const refused = page.family('stint_requests_refused_total', 'counter', 'Requests refused, by reason.')
  each(
    (sum, tenant) => refused.add(sum, { tenant, reason: 'quota' }),
    (it) => it.refused,
  )
  family(
    'stint_requests_unreachable_total',
    'counter',
    'Requests admitted while the node could not be reached.',
    (it) => it.unreachable,
  )
  family(
    'stint_requests_shadowed_total',
    'counter',
    'Requests that shadow mode would have refused.',
    (it) => it.shadowed,
  )
  family('stint_tokens_spent_total', 'counter', 'Tokens spent.', (it) => it.spentTotal)
  family(
    'stint_tokens_borrowed_total',
    'counter',
    'Tokens borrowed from idle tenants.',
    (it) => it.borrowedTotal,
  )
  family('stint_tenant_base_tokens', 'gauge', 'Guaranteed tokens of a round.', (it) => it.base)
  family(
    'stint_tenant_balance_tokens',
    'gauge',
    'Tokens left of the base; negative when borrowed.',
    (it) => it.balance,
  )
  family('stint_tenant_overdraft_tokens', 'gauge', 'How far the balance is below zero.', (it) =>
    Math.max(0, -it.balance),
  )
  family('stint_tenant_lent_tokens', 'gauge', 'Tokens of the base that others use now.', (it) => it.lent)
  family('stint_tenant_leases', 'gauge', 'Edges that hold a lease.', (it) => it.edges)
}
