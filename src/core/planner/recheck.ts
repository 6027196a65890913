import { Cluster } from './cluster.ts'
import { Facts } from './facts.ts'
import { hasRoom, mayLive } from './fit.ts'
import { isRoomy } from './headroom.ts'
import type { Plan, PlanInput, PlannedMove, Rule } from './model.ts'
import { frozenBy } from './search.ts'
import { DEFAULT_SETTINGS, type PlannerSettings } from './settings.ts'

/** What of a stored plan may still be done, and why the rest may not. */
export interface Recheck {
  readonly moves: readonly PlannedMove[]
  readonly wake: readonly string[]
  readonly standby: readonly string[]
  readonly dropped: readonly { readonly bundle: number; readonly reason: string }[]
  /** Milliseconds until the plan is old enough to be checked; nothing is done before. */
  readonly waitMs: number
}

/** Rules that act because something is wrong: they are not held back for want of room. */
const URGENT: ReadonlySet<Rule> = new Set(['place', 'constraint', 'evacuate'])

/**
 * Holds a plan against the present, before it runs: load has moved on, tenants and nodes may have gone. A
 * bundle is kept whole or dropped whole. A node is put to standby only if it is empty once the kept moves are
 * done and head-room is left without it.
 */
export function recheck(plan: Plan, input: PlanInput, settings: PlannerSettings = DEFAULT_SETTINGS): Recheck {
  const waitMs = Math.max(0, plan.atMs + settings.recheckMs - input.nowMs)
  const frozen = frozenBy(input, settings)
  const bundles = [...Map.groupBy(plan.moves, ({ bundle }) => bundle)]
  if (waitMs > 0 || frozen !== null) {
    const reason = frozen ?? 'too early to run'
    const dropped = bundles.map(([bundle]) => ({ bundle, reason }))
    return { moves: [], wake: [], standby: [], dropped, waitMs }
  }
  const c = new Cluster(new Facts(input, settings))
  const woken = plan.wake.filter((id) => wakeIn(c, id))
  const moves: PlannedMove[] = []
  const dropped: { bundle: number; reason: string }[] = []
  for (const [bundle, steps] of bundles) {
    const reason = carryOut(c, steps)
    if (reason === null) moves.push(...steps)
    else dropped.push({ bundle, reason })
  }
  const planned = new Set(plan.moves.map(({ to }) => to))
  const used = new Set(moves.map(({ to }) => to))
  return {
    moves,
    wake: woken.filter((id) => used.has(id) || !planned.has(id)),
    standby: plan.standby.filter((id) => mayRest(c, id)),
    dropped,
    waitMs,
  }
}

function wakeIn(c: Cluster, id: string): boolean {
  const node = c.nodeIndex.get(id)
  if (node === undefined || c.nodes[node]!.state !== 'standby') return false
  c.up[node] = 1
  c.open[node] = 1
  return true
}

/** Moves the tenants of one bundle, or none of them: then says why. */
function carryOut(c: Cluster, steps: readonly PlannedMove[]): string | null {
  const done: { tenant: number; from: number }[] = []
  for (const step of steps) {
    const tenant = c.tenants.findIndex(({ id }) => id === step.tenant)
    const to = c.nodeIndex.get(step.to)
    const reason =
      tenant < 0 || to === undefined ? 'the tenant or the node is gone' : objection(c, step, tenant, to)
    if (reason !== null) {
      for (const { tenant: moved, from } of done.reverse()) c.move(moved, from)
      return reason
    }
    done.push({ tenant, from: c.home[tenant]! })
    c.move(tenant, to!)
  }
  return null
}

function objection(c: Cluster, { from, rule }: PlannedMove, tenant: number, to: number): string | null {
  const home = c.home[tenant]!
  if ((home < 0 ? null : c.nodes[home]!.id) !== from) return 'the tenant has moved'
  if (!mayLive(c, tenant, to)) return 'a constraint forbids it'
  if (URGENT.has(rule)) return null
  if (c.held[tenant] === 1) return 'the tenant must stay'
  const room = { packLoad: c.settings.packLoad, demandLoad: c.settings.packDemand }
  return hasRoom(c, tenant, to, room) ? null : 'the target has filled up'
}

function mayRest(c: Cluster, id: string): boolean {
  const node = c.nodeIndex.get(id)
  if (node === undefined || c.nodeCount[node] !== 0 || c.nodes[node]!.state !== 'active') return false
  c.up[node] = 0
  c.open[node] = 0
  if (isRoomy(c)) return true
  c.up[node] = 1
  c.open[node] = 1
  return false
}
