import type { FeedDevice, FeedTenant } from '../../core/feed.ts'
import { amount } from './format.ts'

/** What a bar shows: a tenant, or a device, of which nobody says what it lends. */
type Shown = FeedTenant | FeedDevice

/** A balance as a bar: to the right what is left of the base and what of it is lent, to the left what is borrowed. */
export function Balance({ tenant, scale }: { tenant: Shown; scale: number }) {
  const { balance, base } = tenant
  const lent = 'lent' in tenant ? tenant.lent : 0
  const width = (value: number) => `${Math.min(100, (Math.max(0, value) / Math.max(scale, 1)) * 100)}%`
  const said = balance < 0 ? `${amount(-balance)} borrowed` : `${amount(balance)} of ${amount(base)} left`
  const lentSaid = lent > 0 ? `, ${amount(lent)} lent` : ''
  return (
    <span class="balance" title={said + lentSaid}>
      <span class="side below" aria-hidden="true">
        <span class="bar borrowed" style={{ width: width(-balance) }} />
      </span>
      <span class="side above" aria-hidden="true">
        <span class="bar base" style={{ width: width(base) }} />
        <span class="bar left" style={{ width: width(balance) }} />
        <span class="bar lent" style={{ width: width(Math.min(lent, balance)) }} />
      </span>
      <span class={`number${balance < 0 ? ' negative' : ''}`}>{amount(balance)}</span>
      <span class="hidden">{lentSaid}</span>
    </span>
  )
}

/** The largest amount a set of bars has to show. */
export function scaleOf(tenants: Iterable<Shown>): number {
  let most = 1
  for (const { base, balance } of tenants) most = Math.max(most, base, Math.abs(balance))
  return most
}
