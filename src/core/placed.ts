import type { AccountSettings } from './account.ts'
import { toMicro, toTokens } from './amount.ts'
import type { PlacedTenant } from './control.ts'
import type { TenantManifest } from './manifest/tenant.ts'
import type { TenantAccount } from './sessions.ts'

/**
 * The device of whatever matches no other, in a tenant with devices: it has the part of the tenant's base that
 * they leave, unless the tenant declares one of this name.
 */
export const DEFAULT_DEVICE = 'default'

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
  const settings = settingsOf(spec, roundMs)
  const devices = spec.devices.map((device) => ({
    name: device.name,
    settings: settingsOf(device, roundMs),
  }))
  if (devices.length === 0) return { tenant, epoch, settings }
  if (!devices.some(({ name }) => name === DEFAULT_DEVICE)) {
    const baseTokens = devices.reduce((left, it) => left - it.settings.baseTokens, settings.baseTokens)
    const weight = restOfBase(spec)
    devices.push({ name: DEFAULT_DEVICE, settings: { baseTokens, weight, priority: spec.priority } })
  }
  return { tenant, epoch, settings, devices }
}

/** An account with its base, and its devices' in proportion, lowered to at most `mostTokens` micro-tokens a round. */
export function fittedInto(account: TenantAccount, mostTokens: number): TenantAccount {
  const { settings, devices } = account
  if (settings.baseTokens <= mostTokens) return account
  const share = mostTokens / settings.baseTokens
  const lowered = (its: AccountSettings) => ({ ...its, baseTokens: Math.floor(its.baseTokens * share) })
  const fitted = { ...account, settings: { ...settings, baseTokens: mostTokens } }
  if (devices === undefined) return fitted
  return { ...fitted, devices: devices.map((it) => ({ ...it, settings: lowered(it.settings) })) }
}

/** What a tenant's devices leave of its base, tokens/s. */
export function restOfBase(spec: Pick<TenantManifest['spec'], 'base' | 'devices'>): number {
  const micro = spec.devices.reduce((left, device) => left - toMicro(device.base), toMicro(spec.base))
  return toTokens(Math.max(0, micro))
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
