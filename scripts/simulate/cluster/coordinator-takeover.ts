import { toMicro } from '../../../src/core/amount.ts'
import type { TenantCapsule } from '../../../src/core/capsule.ts'
import { openMigration, type Placement } from '../../../src/core/migration/placement.ts'
import type { TargetFacts } from '../../../src/core/migration/plan.ts'
import { planTakeover } from '../../../src/core/migration/plan-takeover.ts'
import { beginnings } from './capsules.ts'
import type { ClusterPlan, Spec } from './plan.ts'

type Place = Placement<TenantCapsule>
type Lapsed = (node: string) => boolean

/** Whether a migration only waits for a silent node to tidy up. */
export function waitsForSilent(placement: Place, lapsed: Lapsed): boolean {
  const open = openMigration(placement)
  if (open?.phase === 'COMMITTED') return open.source !== null && lapsed(open.source.node)
  return open?.phase === 'ABORTING' && lapsed(open.target)
}

/** Whether who has the account, or is to get it, is silent. */
export function needsTakeover(placement: Place, lapsed: Lapsed): boolean {
  const { owner, ownerPassedOver } = placement
  const open = openMigration(placement)
  switch (open?.phase) {
    case undefined:
      return ownerPassedOver || (owner !== null && lapsed(owner))
    case 'TAKING_OVER':
      return lapsed(open.bury?.node ?? open.target)
    case 'INSTALLING':
      return lapsed(open.target)
    default:
      return owner !== null && lapsed(owner)
  }
}

/** The takeover of a tenant by the first node that can have it; undefined while none can. */
export function takeoverBy(
  placement: Place,
  spec: Spec,
  plan: ClusterPlan,
  facts: { target(node: string): TargetFacts; readonly lapsed: Lapsed; readonly nowMs: number },
): Place | undefined {
  const { tenant } = placement
  const request = { tenant, reserve: toMicro(spec.base), reason: 'its node is silent' }
  for (const { name: to } of plan.nodes) {
    if (facts.lapsed(to)) continue
    const terms = { ...beginnings(placement, spec), lapsed: facts.lapsed }
    const planned = planTakeover(placement, { ...request, to }, facts.target(to), terms, facts.nowMs)
    if (planned.ok) return planned.value
  }
  return undefined
}
