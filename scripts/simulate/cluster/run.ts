import { Events } from '../events.ts'
import { type FaultReport, unexpected } from '../faults/run.ts'
import { Violation } from '../faults/tally.ts'
import { randomFrom } from '../random.ts'
import { type ClusterParts, REAL_CLUSTER_PARTS } from './parts.ts'
import { clusterPlanOf } from './plan.ts'
import { type ClusterOccurrence, NEEDED_IN_EVERY_RUN, newClusterTally } from './tally.ts'
import { ClusterWorld } from './world.ts'

/** Runs one seed until everything has healed and come to rest, or a promise is broken. */
export function runCluster(
  seed: number,
  parts: ClusterParts = REAL_CLUSTER_PARTS,
): FaultReport<ClusterOccurrence> {
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
