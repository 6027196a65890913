import { Events } from '../events.ts'
import { Violation } from '../faults/tally.ts'
import { randomFrom } from '../random.ts'
import { type ClusterParts, REAL_CLUSTER_PARTS } from './parts.ts'
import { clusterPlanOf } from './plan.ts'
import { type ClusterTally, NEEDED_IN_EVERY_RUN, newClusterTally } from './tally.ts'
import { ClusterWorld } from './world.ts'

/** What a run showed. */
export interface ClusterReport {
  readonly seed: number
  readonly tally: ClusterTally
  readonly requests: number
  readonly messages: number
  readonly violation?: { readonly invariant: string; readonly atMs: number; readonly detail: string }
}

/** Runs one seed until everything has healed and come to rest, or a promise is broken. */
export function runCluster(seed: number, parts: ClusterParts = REAL_CLUSTER_PARTS): ClusterReport {
  const plan = clusterPlanOf(seed)
  const tally = newClusterTally()
  const events = new Events()
  const world = new ClusterWorld(plan, events, randomFrom(seed), tally, parts)
  const report = () => ({ seed, tally, requests: world.requests, messages: world.messages })
  try {
    world.run()
    const missing = tally.missing(NEEDED_IN_EVERY_RUN)
    if (missing.length > 0) throw new Violation('empty', plan.endMs, `never occurred: ${missing.join(', ')}`)
    return report()
  } catch (error) {
    const known = error instanceof Violation
    const invariant = known ? error.invariant : (error as Error).name
    const atMs = known ? error.atMs : events.nowMs
    const detail = known ? error.message : unexpected(error as Error)
    return { ...report(), violation: { invariant, atMs: Math.round(atMs), detail } }
  }
}

/** What was thrown and where, in one line. */
function unexpected(error: Error): string {
  return `${error.message} ${error.stack?.split('\n')[1]?.trim() ?? ''}`
}
