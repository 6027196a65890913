const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, notation: 'compact' })

/** A number for people: whole from 10 on, short from 10 000 on. */
export function amount(value: number): string {
  if (Math.abs(value) >= 10_000) return short.format(value)
  if (Math.abs(value) >= 10 || Number.isInteger(value)) return whole.format(value).replace('-', '−')
  return value.toFixed(1).replace('-', '−')
}

/** The time of day. */
export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB')
}

/** A share of 100. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
