/** Exponentially weighted mean and variance of a tenant's rate. Rates in tokens/s. */
export interface Forecast {
  readonly mean: number
  readonly variance: number
  readonly samples: number
}

/** How a forecast follows what is measured. */
export interface ForecastSettings {
  /** Weight of the newest sample once there are many, 0…1. */
  readonly gain: number
  /** Samples the first guess of the variance is worth. */
  readonly priorSamples: number
  /** Samples the expectation of a tenant not seen before is worth, ≥ 0. */
  readonly meanPriorSamples: number
}

/** Forecast settings that suit samples of a minute. */
export const DEFAULT_FORECAST: ForecastSettings = { gain: 0.03, priorSamples: 3, meanPriorSamples: 0 }

/**
 * The forecast after a first sample; `deviation` is the first guess of the standard deviation. One reading is
 * mostly noise: where others of its kind are known it is drawn towards `expected`, what they want on average.
 */
export function firstForecast(
  rate: number,
  deviation: number,
  expected = rate,
  { meanPriorSamples }: ForecastSettings = DEFAULT_FORECAST,
): Forecast {
  const mean = (meanPriorSamples * expected + rate) / (meanPriorSamples + 1)
  return { mean, variance: deviation * deviation, samples: 1 }
}

/**
 * The forecast after one more sample. While there are few samples each weighs the same (gain 1/n), so a
 * young forecast is a plain mean and forgets its first guesses soon.
 */
export function observe(
  forecast: Forecast,
  rate: number,
  settings: ForecastSettings = DEFAULT_FORECAST,
): Forecast {
  const samples = forecast.samples + 1
  const error = rate - forecast.mean
  const meanGain = Math.max(settings.gain, 1 / (samples + settings.meanPriorSamples))
  const varianceGain = Math.max(settings.gain, 1 / (samples + settings.priorSamples - 1))
  return {
    mean: forecast.mean + meanGain * error,
    variance: forecast.variance + varianceGain * (error * error - forecast.variance),
    samples,
  }
}
