import { expect, it } from 'vitest'
import { floodDevice } from '../../scripts/devices.ts'

it('refuses nothing to a quiet device beside a flooding sibling, nor to a quiet other tenant', async () => {
  const results = await floodDevice({ port: 18_955, seconds: 4, floodPerSecond: 300 })
  const [flood, quiet, other] = results
  for (const it of [quiet!, other!]) {
    expect(it.offered).toBeGreaterThan(50)
    expect([it.name, it.refused, it.failed]).toEqual([it.name, 0, 0])
  }
  expect(flood!.refused).toBeGreaterThan(100)
  expect(flood!.admitted).toBeGreaterThan(50)
})
