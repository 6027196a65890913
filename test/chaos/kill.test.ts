import { expect, it } from 'vitest'
import { killLoop } from '../../scripts/kill.ts'

it('loses no acknowledged usage and counts none twice when it is killed under load', async () => {
  const report = await killLoop({ kills: 4, port: 18_961, seed: Date.now() % 1_000_000 }, () => {})
  expect(report.faults.filter((fault) => !fault.includes('was served after'))).toEqual([])
  // The nodes forget what no write had covered, but most of it must be there.
  expect(report.admittedByNodes).toBeGreaterThan(report.admittedByClients / 4)
})
