import { expect, it } from 'vitest'
import { soak } from '../../scripts/soak.ts'

it('answers every request although a third of the clients reset their connections', async () => {
  const options = { requests: 12_000, connections: 64, resets: 0.5, port: 18_962, seed: 7 }
  const report = await soak(options, () => {})
  expect(report.faults).toEqual([])
  expect(report.reset).toBeGreaterThan(1_000)
  expect(report.answered['200']).toBeGreaterThan(1_000)
  expect(report.answered['429']).toBeGreaterThan(100)
})
