import type { AccountState } from '../core/control.ts'
import {
  FEED_LIMITS,
  type FeedDevice,
  type FeedTenant,
  type OverviewTenant,
  sumOfDevices,
} from '../core/feed.ts'

/** A tenant's own account and, for the counters, those of its devices. */
export function feedTenant(tenant: OverviewTenant, accounts: readonly AccountState[]): FeedTenant {
  const own = accounts.find(({ device }) => device === undefined)
  const sum = (field: 'admitted' | 'refused' | 'unreachable' | 'shadowed' | 'spent') =>
    accounts.reduce((total, { usage }) => total + usage[field], 0)
  return {
    name: tenant.name,
    ...(tenant.node === undefined ? {} : { node: tenant.node }),
    epoch: own?.epoch ?? tenant.epoch,
    base: own?.base ?? tenant.base,
    balance: own?.balance ?? tenant.base,
    owed: own?.owed ?? 0,
    granted: own?.granted ?? 0,
    wanted: own?.wanted ?? 0,
    lent: 0,
    spentTotal: sum('spent'),
    borrowedTotal: own?.borrowedTotal ?? 0,
    admitted: sum('admitted'),
    refused: sum('refused'),
    unreachable: sum('unreachable'),
    shadowed: sum('shadowed'),
    edges: own?.edges ?? 0,
    ...devicesOf(accounts),
  }
}

function devicesOf(accounts: readonly AccountState[]): Pick<FeedTenant, 'devices'> {
  const devices = accounts.flatMap(({ device, base, balance, spentTotal, borrowedTotal, usage }) => {
    if (device === undefined) return []
    const { admitted, refused } = usage
    return [{ name: device, base, balance, spentTotal, borrowedTotal, admitted, refused }]
  })
  return devices.length === 0 ? {} : { devices }
}

/** Keeps the devices of as many tenants as the feed has room for; the others' are summed. */
export function withinBudget(tenants: readonly FeedTenant[]): {
  tenants: readonly FeedTenant[]
  otherDevices?: FeedDevice
} {
  let left: number = FEED_LIMITS.devices
  const beyond: FeedDevice[] = []
  const kept = tenants.map((tenant) => {
    const { devices, ...bare } = tenant
    if (devices === undefined) return tenant
    if (devices.length <= left) {
      left -= devices.length
      return tenant
    }
    beyond.push(...devices)
    return bare
  })
  return beyond.length === 0 ? { tenants: kept } : { tenants: kept, otherDevices: sumOfDevices(beyond) }
}

/**
 * Says what of each idle balance is in use by others. The ledger lends from the node's one pool and keeps no
 * pairs: what its borrowers are below zero is divided among the tenants that have tokens left, by what they
 * have left.
 */
export function withLent(tenants: readonly FeedTenant[]): FeedTenant[] {
  const sums = new Map<string, { borrowed: number; idle: number }>()
  for (const { node = '', balance } of tenants) {
    const sum = sums.get(node) ?? { borrowed: 0, idle: 0 }
    if (balance < 0) sum.borrowed -= balance
    else sum.idle += balance
    sums.set(node, sum)
  }
  return tenants.map((tenant) => {
    const { borrowed, idle } = sums.get(tenant.node ?? '')!
    if (tenant.balance <= 0 || borrowed === 0 || tenant.node === undefined) return tenant
    return { ...tenant, lent: Math.round(((tenant.balance * Math.min(borrowed, idle)) / idle) * 10) / 10 }
  })
}
