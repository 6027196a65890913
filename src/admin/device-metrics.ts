import { type FeedDevice, type FeedSnapshot, OTHERS, sumOfDevices } from '../core/feed.ts'
import type { MetricsPage } from './metrics-text.ts'

/** Devices with series of their own; all further ones are summed under {@link OTHERS}. */
export const MAX_DEVICE_SERIES = 1_000

const FAMILIES = [
  ['stint_device_requests_admitted_total', 'counter', 'Requests of a device admitted.', 'admitted'],
  ['stint_device_requests_refused_total', 'counter', 'Requests of a device refused.', 'refused'],
  ['stint_device_tokens_spent_total', 'counter', 'Tokens a device spent.', 'spentTotal'],
  [
    'stint_device_tokens_borrowed_total',
    'counter',
    'Tokens a device borrowed from its siblings and from other tenants.',
    'borrowedTotal',
  ],
  ['stint_device_base_tokens', 'gauge', 'Guaranteed tokens of a round.', 'base'],
  [
    'stint_device_balance_tokens',
    'gauge',
    'Tokens left of the base of a device; negative when borrowed.',
    'balance',
  ],
] as const

/** Families of devices, by tenant and device; tenants without devices have none. The number of series is bounded. */
export function deviceMetrics(
  page: MetricsPage,
  { tenants, otherDevices }: Pick<FeedSnapshot, 'tenants' | 'otherDevices'>,
): void {
  const own: { tenant: string; device: FeedDevice }[] = []
  const others: FeedDevice[] = otherDevices === undefined ? [] : [otherDevices]
  for (const { name: tenant, devices = [] } of tenants) {
    for (const device of devices) {
      if (own.length < MAX_DEVICE_SERIES) own.push({ tenant, device })
      else others.push(device)
    }
  }
  if (others.length > 0) own.push({ tenant: OTHERS, device: sumOfDevices(others) })
  for (const [name, type, help, field] of FAMILIES) {
    const family = page.family(name, type, help)
    for (const { tenant, device } of own) family.add(device[field], { tenant, device: device.name })
  }
}
