import { describe, expect, it } from 'vitest'
import { describeFailure, runFaults } from '../../scripts/simulate/faults/run.ts'
import { NEEDED_IN_EVERY_BATCH, Tally } from '../../scripts/simulate/faults/tally.ts'
import { BROKEN } from './broken-parts.ts'
import { REGRESSION_SEEDS } from './regression-seeds.ts'

/** Fresh every day; STINT_SEED repeats a day or tries other seeds. */
const FIRST_SEED = Number(process.env['STINT_SEED'] ?? Math.floor(Date.now() / 86_400_000) * 1_000)
const FRESH_SEEDS = 200
/** A broken variant is to be noticed within so many seeds. */
const SEEDS_TO_NOTICE = 200

describe('edges and a node under faults', () => {
  for (const { seed, found } of REGRESSION_SEEDS) {
    it(`seed ${seed}: ${found}`, () => {
      const report = runFaults(seed)
      expect(report.violation && describeFailure(report)).toBeUndefined()
    })
  }

  it(`keep every promise in ${FRESH_SEEDS} fresh runs (STINT_SEED=${FIRST_SEED})`, {
    timeout: 300_000,
  }, () => {
    const failed: string[] = []
    const total = Tally.ofFaults()
    for (let i = 0; i < FRESH_SEEDS; i++) {
      const report = runFaults(FIRST_SEED + i)
      total.add(report.tally)
      if (report.violation !== undefined) failed.push(describeFailure(report))
    }
    expect(failed).toEqual([])
    expect(total.missing(NEEDED_IN_EVERY_BATCH)).toEqual([])
  })

  it('are the same run for the same seed', () => {
    expect(runFaults(3)).toEqual(runFaults(3))
  })
})

describe('the simulation notices', () => {
  for (const [variant, parts] of Object.entries(BROKEN)) {
    it(`${variant}, within ${SEEDS_TO_NOTICE} seeds`, { timeout: 300_000 }, () => {
      let caught: string | undefined
      for (let seed = 1; caught === undefined && seed <= SEEDS_TO_NOTICE; seed++) {
        const { violation } = runFaults(seed, parts)
        // An empty run says nothing about the variant.
        if (violation !== undefined && violation.invariant !== 'empty') caught = violation.invariant
      }
      expect(caught).toBeDefined()
    })
  }
})
