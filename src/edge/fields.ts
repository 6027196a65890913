import { MICRO_PER_TOKEN } from '../core/amount.ts'
import type { Route } from '../core/control.ts'

/** A quota as `RateLimit-Policy` tells it (draft-ietf-httpapi-ratelimit-headers-11, section 3). */
export interface QuotaPolicy {
  readonly name: string
  /** q: quota units per window. */
  readonly quota: number
  /** qu: what is counted; requests unless given. */
  readonly unit?: 'requests' | 'content-bytes' | 'concurrent-requests'
  /** w: length of the window, seconds. */
  readonly windowSeconds?: number
  /** pk: whose quota it is. */
  readonly partition?: Uint8Array
}

/** What is left of a quota as `RateLimit` tells it (section 4). */
export interface ServiceLimit {
  readonly name: string
  /** r: quota units left. */
  readonly remaining: number
  /** t: seconds until more is there. */
  readonly resetSeconds?: number
  readonly partition?: Uint8Array
}

/** Largest integer of a structured field (RFC 9651, 3.3.1). */
const MAX_INTEGER = 999_999_999_999_999

/** Writes a `RateLimit-Policy` field. @throws RangeError for a name or number no structured field can hold */
export function formatPolicies(policies: readonly QuotaPolicy[]): string {
  return policies
    .map(({ name, quota, unit, windowSeconds, partition }) => {
      const parts = [formatString(name), `q=${formatInteger(quota)}`]
      if (unit !== undefined && unit !== 'requests') parts.push(`qu=${formatString(unit)}`)
      if (windowSeconds !== undefined) parts.push(`w=${formatInteger(windowSeconds)}`)
      if (partition !== undefined) parts.push(`pk=${formatBytes(partition)}`)
      return parts.join(';')
    })
    .join(', ')
}

/** Writes a `RateLimit` field. @throws RangeError as {@link formatPolicies} */
export function formatLimits(limits: readonly ServiceLimit[]): string {
  return limits
    .map(({ name, remaining, resetSeconds, partition }) => {
      let text = `${formatString(name)};r=${formatInteger(remaining)}`
      if (resetSeconds !== undefined) text += `;t=${formatInteger(resetSeconds)}`
      return partition === undefined ? text : `${text};pk=${formatBytes(partition)}`
    })
    .join(', ')
}

function formatString(text: string): string {
  if (!/^[ -~]*$/.test(text)) throw new RangeError('must be printable ASCII')
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function formatInteger(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > MAX_INTEGER) {
    throw new RangeError(`must be a whole number from 0 to ${MAX_INTEGER}, got ${value}`)
  }
  return String(value)
}

function formatBytes(bytes: Uint8Array): string {
  return `:${btoa(String.fromCharCode(...bytes))}:`
}

/** From here on three digits are told, rounded down: who has so much left does not count single requests. */
const COARSE_FROM = 10_000

function coarse(units: number): number {
  if (units < COARSE_FROM) return units
  let step = COARSE_FROM / 100
  while (units >= step * 1_000) step *= 10
  return units - (units % step)
}

/** The name of the one policy of a tenant without devices: its base. A device's policy has the device's name. */
export const POLICY_NAME = 'base'

/** Sparing fields: while more than this share of a round's base is left … */
const PLENTY = 1 / 2
/** … an answer tells, and none again for so long, ms. */
const SPARING_MS = 100

/** A tenant's fields, worked out once: the policy never changes, of the limit only two numbers do. */
export class TenantFields {
  /** The value of `RateLimit-Policy`. */
  readonly policy: string
  readonly #quota: number
  readonly #windowSeconds: number
  readonly #unitMicro: number
  readonly #perUnit: number
  readonly #prefix: string
  /** The last value written, and for how much. */
  #units = Number.NaN
  #limit = ''
  readonly #plentyMicro: number
  #toldAtMs = Number.NEGATIVE_INFINITY

  /**
   * Counted in requests of the usual cost; where requests cost nothing, in bytes.
   *
   * @param roundMicro a round's base if the fields are to be sparing; without it every answer tells
   */
  constructor(
    { base, cost }: Pick<Route['policy'], 'base' | 'cost'>,
    name = POLICY_NAME,
    roundMicro = Number.POSITIVE_INFINITY,
  ) {
    this.#plentyMicro = roundMicro * PLENTY
    this.#prefix = `${formatString(name)};r=`
    const inBytes = cost.perRequest === 0 && cost.perKiBOut > 0
    const tokensPerUnit = inBytes ? cost.perKiBOut / 1024 : cost.perRequest || 1
    const perSecond = base / tokensPerUnit
    const windowSeconds = perSecond >= 1 || perSecond === 0 ? 1 : Math.ceil(1 / perSecond)
    const quota = Math.min(MAX_INTEGER, Math.floor(perSecond * windowSeconds))
    this.#unitMicro = inBytes ? cost.perKiBOut * MICRO_PER_TOKEN : tokensPerUnit * MICRO_PER_TOKEN
    this.#perUnit = inBytes ? 1024 : 1
    this.#quota = quota
    this.#windowSeconds = windowSeconds
    const unit = inBytes ? { unit: 'content-bytes' as const } : {}
    this.policy = formatPolicies([{ name, quota, windowSeconds, ...unit }])
  }

  /** Whether the next answer of the origin tells that `leftMicro` are left (`docs/decisions/0051`). */
  due(leftMicro: number, nowMs: number): boolean {
    const sinceMs = nowMs - this.#toldAtMs
    if (leftMicro > this.#plentyMicro && sinceMs >= 0 && sinceMs < SPARING_MS) return false
    this.#toldAtMs = nowMs
    return true
  }

  /** The value of `RateLimit` while `leftMicro` are left, lent ones included; of the base there is never more than all. */
  limit(leftMicro: number): string {
    const whole = Math.min(this.#quota, Math.floor((leftMicro * this.#perUnit) / this.#unitMicro))
    const units = whole <= 0 ? 0 : coarse(whole)
    if (units !== this.#units) {
      this.#units = units
      this.#limit = `${this.#prefix}${units};t=${this.#windowSeconds}`
    }
    return this.#limit
  }

  /** The value of `RateLimit` of a refusal. */
  exhausted(resetSeconds: number): string {
    return `${this.#prefix}0;t=${resetSeconds}`
  }
}
