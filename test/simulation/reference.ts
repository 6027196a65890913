import { expect } from 'vitest'
import { parseScenario } from '../../scripts/simulate/scenario.ts'
import { runSharing } from '../../scripts/simulate/sharing-run.ts'

type Phase = readonly [fromS: number, toS: number, perSecond: number]

/** Requests of one cost at even distances, in phases of seconds. */
export function offered(phases: readonly Phase[], cost = 1) {
  return phases.map(([fromS, toS, perSecond]) => ({
    fromMs: fromS * 1000,
    toMs: toS * 1000,
    perSecond,
    cost,
  }))
}

/** Runs a scenario and returns what was granted in each window of seconds. */
export function granted(scenario: object, windows: readonly (readonly [number, number])[]) {
  const report = windows.map(([fromS, toS]) => [fromS * 1000, toS * 1000])
  const durationMs = Math.max(...report.map(([, toMs]) => toMs!))
  const run = runSharing(parseScenario({ durationMs, ...scenario, report }))
  return { windows: run.windows.map((window) => window.granted), largest: run.largestWindowOverRound }
}

/** Fails unless `actual` is `expected` to within a share of it. */
export function near(actual: number | undefined, expected: number, relative: number, what: string): void {
  const off = Math.abs(actual! - expected)
  expect(off, `${what}: ${actual} for ${expected}`).toBeLessThanOrEqual(relative * expected + 1e-9)
}
