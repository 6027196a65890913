import { toMicro, toTokens } from '../../../src/core/amount.ts'
import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { NodeConfig } from '../../../src/core/control.ts'
import { type Migration, newPlacement, openMigration } from '../../../src/core/migration/placement.ts'
import type { TargetFacts } from '../../../src/core/migration/plan.ts'
import type { CoordinatorState } from './coordinator-disk.ts'
import type { ClusterPlan, Spec } from './plan.ts'

/** What was applied before the run: every tenant has its first node. */
export function firstRows({ nodes, tenants }: ClusterPlan) {
  return {
    tenants: tenants.map(({ name, home, spec }) => ({
      name,
      spec,
      placement: newPlacement<TenantCapsule>(name, { node: home, epoch: 1 }),
    })),
    nodes: nodes.map(({ name }) => ({ name, generation: 1, acked: 0, draining: false })),
  }
}

/** All a node must know, as of now. */
export function configOf(state: CoordinatorState, plan: ClusterPlan, node: string): NodeConfig {
  const { nodes, roundMs } = plan
  const { roundTokens } = nodes.find(({ name }) => name === node)!
  const capacity = (toTokens(roundTokens) * 1_000) / roundMs
  const tenants = [...state.tenants.values()].filter(({ placement }) => placement.owner === node)
  return {
    node,
    generation: state.nodes.get(node)!.generation,
    spec: { capacity, roundMs, origin: { echo: {} }, hourlyFee: 0, hazard: 0, cordoned: false },
    tenants: tenants.map(({ name, spec, placement }) => ({ tenant: name, epoch: placement.epoch, spec })),
  }
}

/** What is known of a node that may be a target. */
export function targetFacts(
  state: CoordinatorState,
  plan: ClusterPlan,
  node: string,
  silent: boolean,
): TargetFacts {
  const { roundTokens } = plan.nodes.find(({ name }) => name === node)!
  let freeRate = Math.floor((roundTokens * 1_000) / plan.roundMs)
  for (const { placement, spec } of state.tenants.values()) {
    const open = openMigration(placement)
    if (placement.owner === node) freeRate -= toMicro(spec.base)
    else if (open?.target === node) freeRate -= open.reserve
  }
  const { draining } = state.nodes.get(node)!
  const is = silent ? 'failed' : draining ? 'cordoned' : 'ready'
  return { node, state: is, freeRate, movesIn: openMoves(state, ({ target }) => target === node) }
}

/** Open migrations before their commit that `counts` names. */
export function openMoves(
  state: CoordinatorState,
  counts: (open: Migration<TenantCapsule>) => boolean,
): number {
  let sum = 0
  for (const { placement } of state.tenants.values()) {
    const open = openMigration(placement)
    if (open !== null && open.phase !== 'COMMITTED' && counts(open)) sum++
  }
  return sum
}

/** Whether a node can take a tenant in. */
export function hasRoom(target: TargetFacts, { base }: Spec): boolean {
  return target.state === 'ready' && target.freeRate >= toMicro(base)
}

/**
 * A tenant's settings with `factor` of the bases it was planned with, where that is less than now. Changes do not add
 * up, or who was planned to stay inside its share would some day ask for more than that.
 */
export function lowered(now: Spec, planned: Spec, factor: number): Spec {
  const base = (tokens: number, first: number) => Math.min(tokens, Math.floor(first * factor))
  const devices = now.devices.map((device, i) => ({
    ...device,
    base: base(device.base, planned.devices[i]!.base),
  }))
  return { ...now, base: base(now.base, planned.base), devices }
}
