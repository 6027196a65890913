import { explainMoves, onFront } from './explain.ts'
import { Facts } from './facts.ts'
import { type Alternative, type Plan, type PlanInput, TERMS, type Term, type Terms } from './model.ts'
import { type Found, frozenBy, search } from './search.ts'
import { DEFAULT_SETTINGS, type ProfileName } from './settings.ts'

/** What a plan is asked to carry beside its moves. */
export interface PlanOptions {
  /** False: leave the other profiles out, for callers that plan often and show nothing. */
  readonly compare?: boolean
}

/**
 * Plans where every tenant should live. Pure and deterministic: the same input gives the same plan, whatever
 * the order of its lists. In this order: constraints are restored, failing nodes evacuated, overload
 * relieved, head-room kept; only then the weighted criteria are improved. The plan applied to its own result
 * (`applyPlan`) has no moves.
 *
 * @throws RangeError when a node's power curve is malformed
 */
export function plan(input: PlanInput, settings = DEFAULT_SETTINGS, options: PlanOptions = {}): Plan {
  const facts = new Facts(input, settings)
  const chosen = search(input, facts, settings.profile)
  const { cluster, objective } = chosen
  const name = (node: number) => cluster.nodes[node]!.id
  return {
    atMs: input.nowMs,
    profile: settings.profile,
    moves: explainMoves(chosen, facts),
    wake: chosen.woken.map(name),
    standby: chosen.slept.map(name),
    before: { terms: objective.base, score: objective.total },
    after: { terms: chosen.after, score: objective.score(chosen.after) },
    bound: chosen.bound,
    distance: distanceOf(chosen),
    alternatives: compare(input, facts, chosen, options.compare ?? true),
    frozen: frozenBy(input, settings),
    homeless: cluster.tenants.filter((_, tenant) => cluster.home[tenant]! < 0).map(({ id }) => id),
  }
}

/** A bound below this is 0 but for rounding: no distance can be given as a share of it. */
const LEAST_BOUND = 1e-9

function distanceOf({ after, bound }: Found): Record<Term, number | null> {
  const distance = (term: Term) =>
    bound[term] > LEAST_BOUND ? (after[term] - bound[term]) / bound[term] : null
  const [load, energy, cost, carbon, resilience] = TERMS.map(distance)
  return {
    load: load ?? null,
    energy: energy ?? null,
    cost: cost ?? null,
    carbon: carbon ?? null,
    resilience: resilience ?? null,
  }
}

/** What each profile would do with the same input, and which of the results are on the Pareto front. */
function compare(input: PlanInput, facts: Facts, chosen: Found, all: boolean): Alternative[] {
  const { settings } = facts
  const names = Object.keys(settings.profiles).sort() as ProfileName[]
  const profiles = all ? names : [settings.profile]
  const found = profiles.map((profile) =>
    profile === settings.profile ? chosen : search(input, facts, profile),
  )
  const front = onFront(found.map((each): Terms => each.after))
  return found.map((each, index) => ({
    profile: profiles[index]!,
    terms: each.after,
    score: each.objective.score(each.after),
    moves: each.steps.length,
    wake: each.woken.length,
    standby: each.slept.length,
    onFront: front[index]!,
  }))
}
