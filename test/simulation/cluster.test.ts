import { describe, expect, it } from 'vitest'
import { runCluster } from '../../scripts/simulate/cluster/run.ts'
import { newClusterTally, SEEN_IN_DOZENS } from '../../scripts/simulate/cluster/tally.ts'
import { describeFailure } from '../../scripts/simulate/faults/run.ts'
import { BROKEN_CLUSTERS } from './broken-cluster.ts'
import { CLUSTER_REGRESSION_SEEDS } from './regression-seeds.ts'

/** Fresh every day; STINT_SEED repeats a day or tries other seeds. */
const FIRST_SEED = Number(process.env['STINT_SEED'] ?? Math.floor(Date.now() / 86_400_000) * 1_000)
const FRESH_SEEDS = 30
/** A broken variant is to be noticed within so many seeds. */
const SEEDS_TO_NOTICE = 200

describe('edges, several nodes and the coordinator under faults', () => {
  for (const { seed, found } of CLUSTER_REGRESSION_SEEDS) {
    it(`seed ${seed}: ${found}`, () => {
      const report = runCluster(seed)
      expect(report.violation && describeFailure(report, 'cluster')).toBeUndefined()
    })
  }

  it(`keep every promise in ${FRESH_SEEDS} fresh runs (STINT_SEED=${FIRST_SEED})`, {
    timeout: 300_000,
  }, () => {
    const failed: string[] = []
    const total = newClusterTally()
    for (let i = 0; i < FRESH_SEEDS; i++) {
      const report = runCluster(FIRST_SEED + i)
      total.add(report.tally)
      if (report.violation !== undefined) failed.push(describeFailure(report, 'cluster'))
    }
    expect(failed).toEqual([])
    expect(total.missing(SEEN_IN_DOZENS)).toEqual([])
  })

  it('are the same run for the same seed', () => {
    expect(runCluster(3)).toEqual(runCluster(3))
  })
})

describe('the simulation of several nodes notices', () => {
  for (const [variant, { parts, fromSeed }] of Object.entries(BROKEN_CLUSTERS)) {
    it(`${variant}, within ${SEEDS_TO_NOTICE} seeds`, { timeout: 300_000 }, () => {
      let caught: string | undefined
      for (let i = 0; caught === undefined && i < SEEDS_TO_NOTICE; i++) {
        const { violation } = runCluster(fromSeed + i, parts)
        // An empty run says nothing about the variant.
        if (violation !== undefined && violation.invariant !== 'empty') caught = violation.invariant
      }
      expect(caught).toBeDefined()
    })
  }
})
