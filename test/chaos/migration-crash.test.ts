import { describe, expect, it } from 'vitest'
import { crashEverywhere } from '../../scripts/migrations/crash.ts'
import { killWhileMoving } from '../../scripts/migrations/kills.ts'

describe('a migration that is cut off by SIGKILL of everything', { timeout: 300_000 }, () => {
  it('ends, leaves one account, loses nothing and counts nothing twice, at every crash point', async () => {
    const outcomes = await crashEverywhere({ port: 18_900, inspectPort: 18_901 }, () => {})
    const points = new Set(outcomes.map(({ point }) => point))
    expect(points).toEqual(new Set(Array.from({ length: 13 }, (_, i) => `P${i + 1}`)))
    expect(outcomes.flatMap(({ faults }) => faults)).toEqual([])
    for (const { ended } of outcomes) expect(['DONE', 'ABORTED']).toContain(ended)
    // Only what is aborted in time goes back, and everybody had traffic that was counted.
    const aborted = outcomes.filter(({ ended }) => ended === 'ABORTED')
    expect(aborted.length).toBeGreaterThan(0)
    for (const { what } of aborted) expect(what).toMatch(/^an abort; P[234]/)
    for (const { acknowledged } of outcomes) expect(acknowledged).toBeGreaterThan(0)
  })
})

describe('migrations one after another', { timeout: 300_000 }, () => {
  it('survive SIGKILL of everything at random moments', async () => {
    const seed = Date.now() % 1_000_000
    const report = await killWhileMoving({ port: 18_902, inspectPort: 18_903, kills: 3, seed }, () => {})
    expect({ seed, faults: report.faults }).toEqual({ seed, faults: [] })
    expect(report.done).toBeGreaterThan(0)
    expect(report.metOpen).toBeGreaterThan(0)
  })
})
