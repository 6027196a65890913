import type { Plan } from './planner/model.ts'

/** The part of a plan that may run, and the tenants that hold back the rest. */
export interface PlanPart {
  readonly moves: Plan['moves']
  readonly wake: Plan['wake']
  readonly standby: Plan['standby']
  /** Bundles left out, each with a tenant that may not be moved. */
  readonly heldBack: readonly { readonly bundle: number; readonly tenant: string }[]
}

/**
 * The bundles of a plan all of whose tenants `may` be moved, with the nodes they need awake and those they
 * leave empty. A bundle is kept whole or left out whole.
 */
export function partOf(
  { moves, wake, standby }: Pick<Plan, 'moves' | 'wake' | 'standby'>,
  may: (tenant: string) => boolean,
): PlanPart {
  const held = new Map<number, string>()
  for (const { bundle, tenant } of moves) if (!may(tenant) && !held.has(bundle)) held.set(bundle, tenant)
  const kept = moves.filter(({ bundle }) => !held.has(bundle))
  const left = moves.filter(({ bundle }) => held.has(bundle))
  const needed = new Set(kept.map(({ to }) => to))
  const onlyForOthers = new Set(left.map(({ to }) => to).filter((node) => !needed.has(node)))
  const occupied = new Set([...left.flatMap(({ from }) => from ?? []), ...needed])
  return {
    moves: kept,
    wake: wake.filter((node) => !onlyForOthers.has(node)),
    standby: standby.filter((node) => !occupied.has(node)),
    heldBack: Array.from(held, ([bundle, tenant]) => ({ bundle, tenant })),
  }
}
