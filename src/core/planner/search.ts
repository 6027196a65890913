import { Cluster, type Step } from './cluster.ts'
import { consolidate } from './consolidate.ts'
import type { Facts } from './facts.ts'
import { keepHeadroom, sleepEmpty } from './headroom.ts'
import { balance, relocate } from './improve.ts'
import type { PlanInput, Terms } from './model.ts'
import { boundsOf, Objective, termsOf } from './objective.ts'
import { relieve } from './relieve.ts'
import type { PlannerSettings, ProfileName } from './settings.ts'
import { Work } from './work.ts'

const DAY_MINUTES = 1440
const MINUTE_MS = 60_000

/** What a search came to: steps in order, indices into its cluster, and the terms at both ends. */
export interface Found {
  readonly cluster: Cluster
  readonly steps: readonly Step[]
  readonly woken: readonly number[]
  readonly slept: readonly number[]
  readonly objective: Objective
  readonly after: Terms
  readonly bound: Terms
}

/**
 * Searches with one profile, round after round, until a round changes nothing. Each round judges the
 * placement as if it had been given: so the plan applied to its own result has nothing to propose. It ends
 * because a tenant moves, and a node wakes or sleeps, at most once at one instant.
 */
export function search(input: PlanInput, facts: Facts, profile: ProfileName): Found {
  const { settings } = facts
  const cluster = new Cluster(facts)
  const weights = settings.profiles[profile]
  const first = new Objective(cluster, weights)
  const steps: Step[] = []
  const woken: number[] = []
  const slept: number[] = []
  const optimising = frozenBy(input, settings) === null && inWindow(input.nowMs, settings)
  const aboveSince = input.memory.clusterAboveSinceMs
  const sustained = aboveSince !== null && input.nowMs - aboveSince >= settings.wakeAfterMs
  for (let bundles = 0; frozenBy(input, settings) === null; ) {
    cluster.rebuild()
    const objective =
      steps.length + woken.length + slept.length === 0 ? first : new Objective(cluster, weights)
    const work = new Work(cluster, objective, bundles)
    relieve(work)
    keepHeadroom(work, sustained)
    if (optimising) improve(work)
    if (work.steps.length + work.woken.length + work.slept.length === 0) break
    steps.push(...work.steps)
    woken.push(...work.woken)
    slept.push(...work.slept)
    bundles = work.bundles
  }
  cluster.rebuild()
  return { cluster, steps, woken, slept, objective: first, after: termsOf(cluster), bound: boundsOf(cluster) }
}

/** Whole nodes first, since single moves would pin tenants that could leave together. */
function improve(work: Work): void {
  const before = work.steps.length
  for (const step of [consolidate, relocate, balance]) {
    step(work)
    if (work.steps.length > before) break
  }
  sleepEmpty(work)
}

/** Why nothing may be moved: too many nodes are unhealthy for the planner to trust what it sees. */
export function frozenBy({ nodes }: PlanInput, { freezeAbove }: PlannerSettings): string | null {
  const failed = nodes.filter((node) => node.state === 'failed').length
  if (nodes.length === 0 || failed <= freezeAbove * nodes.length) return null
  return `${failed} of ${nodes.length} nodes have failed`
}

function inWindow(nowMs: number, { windows }: PlannerSettings): boolean {
  if (windows.length === 0) return true
  const minute = Math.floor(nowMs / MINUTE_MS) % DAY_MINUTES
  return windows.some(({ fromMinute, toMinute }) =>
    fromMinute <= toMinute
      ? minute >= fromMinute && minute < toMinute
      : minute >= fromMinute || minute < toMinute,
  )
}
