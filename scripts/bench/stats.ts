/** Median of several rounds with the quartiles as its spread; same unit as the values. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly rounds: number
}

/** The value below which `share` (0…1) of the values lie, interpolated. @throws RangeError without values. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('no values')
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.ceil(at)
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (at - below)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function spreadOf(values: readonly number[]): Spread {
  return {
    median: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
  }
}

/**
 * Ratio of two series taken in turn. Each round's values were taken within seconds of each other, so what
 * else the machine did at the time cancels out of the round's ratio; the median is over rounds.
 */
export function pairedRatio(above: readonly number[], below: readonly number[]): Spread {
  return spreadOf(above.map((value, round) => value / below[round]!))
}

/** `12.3 (11.9–12.8)` */
export function formatSpread({ median, low, high }: Spread, digits = 1): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`
}
