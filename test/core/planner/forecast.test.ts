import { describe, expect, it } from 'vitest'
import { DEFAULT_FORECAST, firstForecast, observe } from '../../../src/core/planner/forecast.ts'

const after = (rates: readonly number[], deviation = 0) =>
  rates.slice(1).reduce((forecast, rate) => observe(forecast, rate), firstForecast(rates[0]!, deviation))

describe('the forecast', () => {
  it('is a plain mean while it is young', () => {
    expect(after([10, 20, 30, 40]).mean).toBeCloseTo(25)
  })

  it('stands still for a steady rate and forgets the first guess of the variance', () => {
    const steady = after(
      Array.from({ length: 300 }, () => 50),
      20,
    )
    expect(steady.mean).toBeCloseTo(50)
    expect(steady.variance).toBeLessThan(0.1)
  })

  it('finds the variance of a rate that jumps', () => {
    const jumping = after(Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 40 : 60)))
    expect(jumping.mean).toBeCloseTo(50, 0)
    expect(Math.sqrt(jumping.variance)).toBeCloseTo(10, 0)
  })

  it('follows a rate that has changed', () => {
    const changed = after([
      ...Array.from({ length: 100 }, () => 10),
      ...Array.from({ length: 200 }, () => 90),
    ])
    expect(changed.mean).toBeGreaterThan(85)
  })

  it('is drawn towards what is usual, by as many readings as that is worth', () => {
    const settings = { ...DEFAULT_FORECAST, meanPriorSamples: 2 }
    const first = firstForecast(40, 0, 10, settings)
    expect(first.mean).toBeCloseTo((10 + 10 + 40) / 3)
    expect(observe(first, 70, settings).mean).toBeCloseTo((10 + 10 + 40 + 70) / 4)
    expect(firstForecast(40, 0, 10).mean).toBe(40)
  })
})
