import type { AccountSettings } from './account.ts'
import { toMicro } from './amount.ts'
import type { PlacedTenant } from './control.ts'
import type { TenantManifest } from './manifest/tenant.ts'
import type { TenantAccount } from './sessions.ts'

type Sharing = Pick<
  TenantManifest['spec'],
  'base' | 'weight' | 'priority' | 'ceiling' | 'lendable' | 'borrows'
>

/** Tokens per second as whole micro-tokens per round; rounded down, so that what fitted still fits. */
export function perRound(tokensPerSecond: number, roundMs: number): number {
  return Math.floor((toMicro(tokensPerSecond) * roundMs) / 1000)
}

/** A placed tenant's manifest as its node's ledger counts it. */
export function accountOf({ tenant, epoch, spec }: PlacedTenant, roundMs: number): TenantAccount {
  const devices = spec.devices.map((device) => ({
    name: device.name,
    settings: settingsOf(device, roundMs),
  }))
  return {
    tenant,
    epoch,
    settings: settingsOf(spec, roundMs),
    ...(devices.length === 0 ? {} : { devices }),
  }
}

function settingsOf(spec: Sharing, roundMs: number): AccountSettings {
  return {
    baseTokens: perRound(spec.base, roundMs),
    weight: spec.weight,
    priority: spec.priority,
    ...(spec.ceiling === undefined ? {} : { ceilingTokens: perRound(spec.ceiling, roundMs) }),
    lendable: spec.lendable,
    borrows: spec.borrows,
  }
}
