import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { Checkpoint } from '../../../src/core/checkpoints.ts'
import { freshRow, inheritFrom, presumeRowSpent } from '../../../src/core/late-usage.ts'
import { openMigration, type Placement } from '../../../src/core/migration/placement.ts'
import type { TakeoverFacts } from '../../../src/core/migration/plan-takeover.ts'
import type { Spec } from './plan.ts'

/** What a takeover of a tenant begins with. */
export function beginnings(
  placement: Placement<TenantCapsule>,
  spec: Spec,
): Pick<TakeoverFacts<TenantCapsule>, 'fresh' | 'presumeSpent'> {
  const { tenant, epoch, owner } = placement
  const placed = { tenant, epoch, spec }
  const open = openMigration(placement)
  const past = [owner, open?.source?.node, open?.target, open?.bury?.node]
  const nodes = [...new Set(past)].filter((node) => typeof node === 'string')
  // Whatever else these nodes have opened is not in the state the heir begins with.
  const unknown = nodes.map((node) => ({ node, life: 0, opened: 0 }))
  return {
    fresh: { placed, row: freshRow(tenant, epoch) },
    presumeSpent: (capsule) => {
      return { ...capsule, placed, row: presumeRowSpent(inheritFrom(capsule.row, unknown)) }
    },
  }
}

/** The state of an account that a takeover may begin with: whoever has it knows what it does not know. */
export function inheritable(node: string, { life, opened, capsule }: Checkpoint): TenantCapsule {
  return { ...capsule, row: inheritFrom(capsule.row, [{ node, life, opened }]) }
}
