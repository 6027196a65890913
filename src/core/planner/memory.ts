import type { NodeMemory, Plan, PlanInput, PlannerMemory, PlannerNode } from './model.ts'
import { DEFAULT_SETTINGS, type PlannerSettings } from './settings.ts'

const HOUR_MS = 3_600_000

/**
 * The memory after a look at the present: since when each node has been light enough to sleep, since when
 * the cluster has been hot, and the last hour's changes. Call it with every new measurement, before a plan.
 */
export function remember(input: PlanInput, settings: PlannerSettings = DEFAULT_SETTINGS): PlannerMemory {
  const { nowMs, memory } = input
  const demand = new Map<string, number>()
  const latest = new Map<string, number>()
  const add = (sums: Map<string, number>, node: string, rate: number) =>
    sums.set(node, (sums.get(node) ?? 0) + rate)
  for (const tenant of input.tenants) {
    if (tenant.node === null) continue
    add(demand, tenant.node, tenant.mean)
    add(latest, tenant.node, tenant.demand)
  }
  const nodes: Record<string, NodeMemory> = {}
  let capacity = 0
  let total = 0
  let now = 0
  for (const node of input.nodes) {
    const old = memory.nodes[node.id]
    const mean = demand.get(node.id) ?? 0
    const below = mean < settings.sleepBelowLoad * node.capacity
    nodes[node.id] = { ...old, belowSinceMs: below ? (old?.belowSinceMs ?? nowMs) : null }
    if (node.state !== 'active' && node.state !== 'waking') continue
    capacity += node.capacity
    total += mean
    now += latest.get(node.id) ?? 0
  }
  // The forecast is slow: what is measured now counts as well, as long as it lasts.
  const hot = Math.max(total, now) > settings.wakeAboveLoad * capacity
  const recent = (times: readonly number[]) => times.filter((at) => at > nowMs - HOUR_MS)
  return {
    ...memory,
    nodes,
    recentMovesMs: recent(memory.recentMovesMs),
    recentNodeChangesMs: recent(memory.recentNodeChangesMs),
    clusterAboveSinceMs: hot ? (memory.clusterAboveSinceMs ?? nowMs) : null,
  }
}

/** The input as it would be with the plan carried out this instant: placements, states and memory. */
export function applyPlan(input: PlanInput, plan: Plan): PlanInput {
  const { nowMs, memory } = input
  const homes = new Map(plan.moves.map(({ tenant, to }) => [tenant, to]))
  const woken = new Set(plan.wake)
  const slept = new Set(plan.standby)
  const nodes: Record<string, NodeMemory> = { ...memory.nodes }
  for (const id of woken) nodes[id] = { ...nodes[id], upSinceMs: nowMs }
  for (const id of slept) nodes[id] = { ...nodes[id], asleepSinceMs: nowMs }
  const movedAtMs: Record<string, number> = { ...memory.movedAtMs }
  for (const tenant of homes.keys()) movedAtMs[tenant] = nowMs
  const stateOf = ({ id, state }: PlannerNode) =>
    slept.has(id) ? 'standby' : woken.has(id) ? 'active' : state
  return {
    ...input,
    nodes: input.nodes.map((node) => ({ ...node, state: stateOf(node) })),
    tenants: input.tenants.map((tenant) => ({ ...tenant, node: homes.get(tenant.id) ?? tenant.node })),
    memory: {
      ...memory,
      nodes,
      movedAtMs,
      recentMovesMs: [...memory.recentMovesMs, ...plan.moves.map(() => nowMs)],
      recentNodeChangesMs: [...memory.recentNodeChangesMs, ...[...woken, ...slept].map(() => nowMs)],
    },
  }
}

/** The memory after a move that failed: this pair rests, twice as long after every failure. */
export function rememberFailure(
  memory: PlannerMemory,
  tenant: string,
  node: string,
  atMs: number,
): PlannerMemory {
  const key = `${tenant} ${node}`
  const count = (memory.failures[key]?.count ?? 0) + 1
  return { ...memory, failures: { ...memory.failures, [key]: { count, atMs } } }
}
