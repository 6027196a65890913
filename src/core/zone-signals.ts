import type { ZoneSignal as PlannerSignal } from './planner/model.ts'
import type { Measure, Signal } from './signals.ts'

/** The valid price and carbon of one zone. */
export interface ZoneNow {
  /** Money per kWh; the board has it per MWh. */
  readonly pricePerKwh?: number
  readonly gramsPerKwh?: number
  /** When the first of the two ends, ms. */
  readonly holdsUntilMs: number
}

/** What is valid at `nowMs`, by zone: stale and upcoming signals are ignored. */
export function zonesNow(signals: readonly Signal[], nowMs: number): Map<string, ZoneNow> {
  const zones = new Map<string, ZoneNow>()
  for (const signal of signals) {
    if (signal.kind !== 'zone' || nowMs < signal.validFromMs || nowMs >= signal.validUntilMs) continue
    const known = zones.get(signal.zone) ?? { holdsUntilMs: signal.validUntilMs }
    const holdsUntilMs = Math.min(known.holdsUntilMs, signal.validUntilMs)
    zones.set(signal.zone, { ...known, ...valueIn(signal.measure, signal.value), holdsUntilMs })
  }
  return zones
}

function valueIn(measure: Measure, value: number): Partial<ZoneNow> {
  return measure === 'price' ? { pricePerKwh: value / 1_000 } : { gramsPerKwh: value }
}

/**
 * The planner's view of every zone. A zone nobody knows a price (or carbon) of has the mean of the others, so
 * that not knowing neither draws tenants nor drives them away; when nothing is known the term counts nothing.
 */
export function plannerSignals(
  zones: ReadonlyMap<string, ZoneNow>,
  names: Iterable<string>,
): Record<string, PlannerSignal> {
  const all = [...zones.values()]
  const price = mean(all.flatMap((zone) => zone.pricePerKwh ?? []))
  const grams = mean(all.flatMap((zone) => zone.gramsPerKwh ?? []))
  // Plain data instead of infinity, so that an input can be stored as JSON.
  const ends = all.map((zone) => zone.holdsUntilMs)
  const holds = ends.length === 0 ? Number.MAX_SAFE_INTEGER : Math.min(...ends)
  const signals: Record<string, PlannerSignal> = {}
  for (const name of names) {
    const known = zones.get(name)
    signals[name] = {
      // The planner's costs are not negative: a negative price is as good as free.
      pricePerKwh: Math.max(0, known?.pricePerKwh ?? price),
      gramsPerKwh: known?.gramsPerKwh ?? grams,
      holdsUntilMs: known?.holdsUntilMs ?? holds,
    }
  }
  return signals
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
