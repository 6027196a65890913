import { describe, expect, it } from 'vitest'
import { powerCurve, wattsAt } from '../../../src/core/planner/power.ts'

const G4 = [86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117]

describe('power curves', () => {
  it('are read at their points and linearly between', () => {
    expect(wattsAt(G4, 0)).toBe(86)
    expect(wattsAt(G4, 1)).toBe(117)
    expect(wattsAt(G4, 0.5)).toBeCloseTo(102)
    expect(wattsAt(G4, 0.25)).toBeCloseTo((92.6 + 96) / 2)
  })

  it('draw what the nearer end does outside 0…1', () => {
    expect(wattsAt(G4, -1)).toBe(86)
    expect(wattsAt(G4, 2)).toBe(117)
  })

  it('are a straight line when only idle and peak are known', () => {
    const curve = powerCurve({ idleWatts: 100, peakWatts: 200 })
    expect(curve).toHaveLength(11)
    expect(wattsAt(curve, 0.37)).toBeCloseTo(137)
  })

  it('refuse a wrong number of points, and points that are no power', () => {
    expect(() => powerCurve(G4.slice(1))).toThrow(/11 points/)
    expect(() => powerCurve({ idleWatts: -1, peakWatts: 10 })).toThrow(/not negative/)
    expect(() => powerCurve([...G4.slice(1), Number.NaN])).toThrow(/finite/)
  })
})
