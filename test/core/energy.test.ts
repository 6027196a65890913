import { describe, expect, it } from 'vitest'
import { accrue, MAX_GAP_MS, openEnergy, wattsOf } from '../../src/core/energy.ts'
import { rateBetween } from '../../src/core/measure.ts'
import { powerCurve } from '../../src/core/planner/power.ts'
import type { Signal } from '../../src/core/signals.ts'
import { plannerSignals, zonesNow } from '../../src/core/zone-signals.ts'

const MINUTE_MS = 60_000

describe('energy account', () => {
  it('holds what was drawn at the last look until this one', () => {
    const opened = openEnergy({ watts: 120, pricePerKwh: 0.5, gramsPerKwh: 300 }, false, 0)
    const after = accrue(opened, { watts: 6 }, true, 10 * MINUTE_MS)
    expect(after).toMatchObject({ wh: 20, cost: 0.01, grams: 6, pricedWh: 20, gradedWh: 20, standbyWh: 0 })
    const asleep = accrue(after, { watts: 6 }, true, 20 * MINUTE_MS)
    expect(asleep.wh).toBeCloseTo(21)
    expect(asleep.standbyWh).toBeCloseTo(1)
    // No valid signal any more: the Wh count, money and carbon do not.
    expect(asleep).toMatchObject({ cost: 0.01, grams: 6, pricedWh: 20, gradedWh: 20 })
  })

  it('counts nothing for a time nobody looked, and nothing when the clock goes back', () => {
    const opened = openEnergy({ watts: 60 }, false, 1_000_000_000)
    const late = accrue(opened, { watts: 60 }, false, 1_000_000_000 + MAX_GAP_MS + 5_000)
    expect(late).toMatchObject({ wh: 15, unknownMs: 5_000 })
    expect(accrue(opened, { watts: 60 }, false, 999_000_000)).toMatchObject({ wh: 0, unknownMs: 0 })
  })

  it('draws by the curve, in standby and not at all', () => {
    const node = { curve: powerCurve({ idleWatts: 50, peakWatts: 150 }), asleepWatts: 4, capacity: 200 }
    expect(wattsOf(node, 'up', 100)).toBe(100)
    expect(wattsOf(node, 'up', 999)).toBe(150)
    expect(wattsOf(node, 'asleep', 100)).toBe(4)
    expect(wattsOf(node, 'failed', 100)).toBe(0)
  })
})

describe('rates', () => {
  const at = (spent: number, admitted: number, refused: number, atMs: number) => ({
    spent,
    admitted,
    refused,
    atMs,
  })

  it('counts what was refused at the mean cost of what was admitted', () => {
    expect(rateBetween(at(0, 0, 0, 0), at(100, 50, 25, 10_000))).toEqual({ spent: 10, demand: 15 })
    expect(rateBetween(at(0, 0, 0, 0), at(0, 0, 20, 10_000))).toEqual({ spent: 0, demand: 2 })
  })

  it('needs time to pass and never falls below nothing', () => {
    expect(rateBetween(at(0, 0, 0, 5), at(1, 1, 0, 5))).toBeUndefined()
    expect(rateBetween(at(10, 5, 0, 0), at(8, 5, 0, 1_000))).toEqual({ spent: 0, demand: 0 })
  })
})

describe('zone signals', () => {
  const zone = (name: string, measure: 'price' | 'carbon', value: number, from: number, until: number) =>
    ({ kind: 'zone', zone: name, measure, value, validFromMs: from, validUntilMs: until }) satisfies Signal

  it('takes the valid ones only, per kWh, until the first of them ends', () => {
    const zones = zonesNow(
      [
        zone('a', 'price', 80, 0, 1_000),
        zone('a', 'carbon', 300, 0, 700),
        zone('b', 'price', 50, 0, 500),
        zone('c', 'carbon', 10, 600, 900),
      ],
      500,
    )
    expect([...zones]).toEqual([['a', { pricePerKwh: 0.08, gramsPerKwh: 300, holdsUntilMs: 700 }]])
  })

  it('gives a zone nobody knows anything of the mean of the others', () => {
    const zones = zonesNow([zone('a', 'price', 80, 0, 9), zone('b', 'price', -40, 0, 9)], 1)
    const signals = plannerSignals(zones, ['a', 'b', 'c'])
    expect(signals['c']).toEqual({ pricePerKwh: 0.02, gramsPerKwh: 0, holdsUntilMs: 9 })
    expect(signals['b']).toMatchObject({ pricePerKwh: 0 })
  })
})
