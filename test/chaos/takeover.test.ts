import { expect, it } from 'vitest'
import { takeOverUnreachable } from '../../scripts/migrations/takeover.ts'

it('a node that cannot be reached is taken over from, and hands in what it had when it is back', async () => {
  const outcomes = await takeOverUnreachable({ port: 18_904, inspectPort: 18_905 }, () => {})
  expect(outcomes.flatMap(({ faults }) => faults)).toEqual([])
  expect(outcomes).toHaveLength(4)
  for (const { ended, reason, admittedByNodes } of outcomes) {
    expect(ended).toBe('DONE')
    expect(reason).toMatch(/^takeover: s\d has failed and is silent$/)
    expect(admittedByNodes).toBeGreaterThan(0)
  }
})
