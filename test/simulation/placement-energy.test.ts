import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EnergyDay, readEnergy } from '../../scripts/placement/energy.ts'
import { simulateDay } from '../../scripts/placement/simulate-day.ts'
import { EIGHT_HOSTS, flat, traceOf } from './placement-world.ts'

let folder = ''
const stamp = (hour: number) => `2024-01-01 ${String(hour).padStart(2, '0')}:00:00`
const hours = (value: (hour: number) => number, tail = '') =>
  Array.from({ length: 24 }, (_, hour) => `${stamp(hour)}${tail},${value(hour)}`).join('\n')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stint-energy-'))
  const write = (name: string, text: string) => writeFileSync(join(folder, name), `time,value\n${text}\n`)
  write(
    'carbon_clean_2024_hourly.csv',
    hours(() => 20),
  )
  write(
    'carbon_dirty_2024_hourly.csv',
    hours(() => 600),
  )
  write(
    'price_clean_2024_usd_mwh.csv',
    hours((hour) => (hour < 12 ? 90 : 30), '+00:00'),
  )
  write('odd.csv', 'x')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('carbon and price files', () => {
  it('are read by zone and hour, from folders and from files', () => {
    const day = new EnergyDay(
      readEnergy([folder], [join(folder, 'price_clean_2024_usd_mwh.csv')]),
      '20300101',
    )
    const noon = day.signalsAt(12 * 3600)
    expect(noon['clean']).toEqual({ pricePerKwh: 0.03, gramsPerKwh: 20, holdsUntilMs: 13 * 3_600_000 })
    expect(noon['dirty']).toMatchObject({ pricePerKwh: 0.03, gramsPerKwh: 600 })
    expect(day.signalsAt(0)['clean']?.pricePerKwh).toBeCloseTo(0.09)
    expect([0, 1, 2, 3, 4].map(day.zoneOf)).toEqual(['clean', 'clean', 'dirty', 'dirty', 'clean'])
  })

  it('are refused in one line when they are missing or odd', () => {
    expect(() => readEnergy([join(folder, 'none')], [])).toThrow(/no such file or folder/)
    expect(() => readEnergy([join(folder, 'odd.csv')], [])).toThrow(/is not named/)
    const day = new EnergyDay(readEnergy([folder], []), '20300202')
    expect(() => day.signalsAt(0)).toThrow(/no carbon or price at 2024-02-02 00:00/)
  })
})

describe('the planner in the simulation', () => {
  const trace = traceOf(Array.from({ length: 16 }, (_, vm) => (s: number) => 5 + ((vm * 7 + s) % 10)))
  const honest = {
    policy: 'planner',
    accounting: 'honest',
    standbyWatts: 6,
    profile: 'eco',
    energy: null,
  } as const

  it('uses less than standing still, serves everybody and touches no base', () => {
    const planned = simulateDay(EIGHT_HOSTS, trace, honest)
    const still = simulateDay(EIGHT_HOSTS, trace, { ...honest, policy: 'thr-mmt-0.8' })
    expect(planned.migrations).toBeGreaterThan(0)
    expect(planned.migrations).toBeLessThan(still.migrations)
    expect(planned.energyKwh).toBeGreaterThan(planned.lowerBoundKwh)
    expect(planned.energyKwh).toBeLessThan(1.6 * planned.lowerBoundKwh)
    expect(planned.unservedShare).toBeLessThan(0.0005)
    expect(planned.baseTouched).toBe(0)
    expect(simulateDay(EIGHT_HOSTS, trace, honest)).toEqual(planned)
  })

  it('goes where the carbon is low', () => {
    const energy = readEnergy([folder], [])
    const day = (profile: 'eco' | 'safe') =>
      simulateDay(EIGHT_HOSTS, traceOf(Array.from({ length: 8 }, () => flat(10))), {
        ...honest,
        profile,
        energy,
      })
    expect(day('eco').carbonKg).toBeGreaterThan(0)
    expect(day('eco').carbonKg).toBeLessThan(day('safe').carbonKg)
  })
})
