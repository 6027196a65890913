import { describe, expect, it } from 'vitest'
import { latestCapsule, type TenantCapsule } from '../../src/core/capsule.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { noUsage, type Usage } from '../../src/core/usage.ts'

const { spec } = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 't' },
  spec: { base: 10, devices: [{ name: 'api', base: 5, match: { paths: ['/api'] } }] },
})

const account = (usage: Partial<Usage>) => ({
  owedTokens: 0,
  spentTotal: 7,
  borrowedTotal: 0,
  desk: { usage: { ...noUsage(), ...usage }, sessions: [], lapsed: [] },
})

function capsule(own: Partial<Usage>, device: Partial<Usage>): TenantCapsule {
  const devices = [{ name: 'api', ...account(device) }]
  return {
    placed: { tenant: 't', epoch: 1, spec },
    row: { tenant: 't', epoch: 1, ...account(own), devices },
  }
}

describe('the later of two states of an account', () => {
  const before = capsule({ spent: 5 }, { spent: 2, presumed: 3 })

  it.each([
    ['a late report of a device, out of what was presumed', capsule({ spent: 5 }, { spent: 4, presumed: 1 })],
    ['requests admitted without the node', capsule({ spent: 5, unreachable: 1 }, { spent: 2, presumed: 3 })],
    ['bytes', capsule({ spent: 5 }, { spent: 2, presumed: 3, bytesOut: 1 })],
  ])('is the one with %s', (_, after) => {
    expect(latestCapsule(before, after)).toBe(after)
    expect(latestCapsule(after, before)).toBe(after)
  })

  it('is the second of equals', () => {
    const equal = capsule({ spent: 5 }, { spent: 2, presumed: 3 })
    expect(latestCapsule(before, equal)).toBe(equal)
  })
})
