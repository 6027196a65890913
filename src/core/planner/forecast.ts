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
}

/** Forecast settings that suit samples of a minute. */
export const DEFAULT_FORECAST: ForecastSettings = { gain: 0.03, priorSamples: 3 }

/** The forecast after a first sample; `deviation` is the first guess of the standard deviation. */
export function firstForecast(rate: number, deviation: number): Forecast {
  return { mean: rate, variance: deviation * deviation, samples: 1 }
}

/**
 * The forecast after one more sample. While there are few samples each weighs the same (gain 1/n), so a
 * young forecast is a plain mean and forgets its first guess soon.
 */
export function observe(
  forecast: Forecast,
  rate: number,
  settings: ForecastSettings = DEFAULT_FORECAST,
): Forecast {
  const samples = forecast.samples + 1
  const error = rate - forecast.mean
  const meanGain = Math.max(settings.gain, 1 / samples)
  const varianceGain = Math.max(settings.gain, 1 / (samples + settings.priorSamples - 1))
  return {
    mean: forecast.mean + meanGain * error,
    variance: forecast.variance + varianceGain * (error * error - forecast.variance),
    samples,
  }
}
