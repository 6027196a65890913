import type { TenantAccount } from '../../../src/core/sessions.ts'
import type { PlannedAccount } from './plan.ts'

/** The tenants of the accounts, devices below them. */
export function tenantsOf(accounts: readonly PlannedAccount[]): TenantAccount[] {
  return Array.from(new Set(accounts.map(({ tenant }) => tenant)), (tenant) => {
    const own = accounts.filter((account) => account.tenant === tenant)
    const devices = own.flatMap(({ device, settings }) =>
      device === undefined ? [] : [{ name: device, settings }],
    )
    if (devices.length === 0) return { tenant, epoch: 1, settings: own[0]!.settings }
    const baseTokens = devices.reduce((sum, { settings }) => sum + settings.baseTokens, 0)
    return { tenant, epoch: 1, settings: { baseTokens }, devices }
  })
}

/** A tenant with a smaller base, its devices' bases likewise. */
export function scaled(account: TenantAccount, factor: number): TenantAccount {
  const scale = <T extends { readonly baseTokens: number }>(settings: T): T => ({
    ...settings,
    baseTokens: Math.floor(settings.baseTokens * factor),
  })
  const devices = account.devices?.map(({ name, settings }) => ({ name, settings: scale(settings) }))
  const settings = scale(account.settings)
  return devices === undefined ? { ...account, settings } : { ...account, settings, devices }
}
