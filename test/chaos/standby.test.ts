import { expect, it } from 'vitest'
import { nightAndDay } from '../../scripts/night.ts'

it('puts a node to standby at night and wakes it in the morning, with nobody inside a base refused', async () => {
  const report = await nightAndDay({ port: 18_973, hookPort: 18_974 }, () => {})
  expect(report.faults).toEqual([])
  expect(report).toMatchObject({ refused: 0, movedTogether: 2, bundles: 1 })
  expect(report.offered).toBeGreaterThan(1_000)
  // Every command is told again after its first call failed, and only for the node that sleeps.
  const { slept } = report
  expect(report.heard).toEqual([
    { action: 'standby', node: slept, answered: 503 },
    { action: 'standby', node: slept, answered: 202 },
    { action: 'wake', node: slept, answered: 503 },
    { action: 'wake', node: slept, answered: 202 },
  ])
  const asleep = report.energy.filter(({ standbyWh }) => standbyWh > 0).map(({ node }) => node)
  expect(asleep).toEqual([slept])
}, 240_000)
