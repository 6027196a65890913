import { type PowerCurve, wattsAt } from './planner/power.ts'

/** What a node draws and what that costs at a moment. */
export interface Draw {
  readonly watts: number
  /** Money per kWh and gCO₂ per kWh of its zone; absent while no valid signal says. */
  readonly pricePerKwh?: number
  readonly gramsPerKwh?: number
}

/** What a node has used since `sinceMs`. */
export interface EnergyAccount {
  readonly sinceMs: number
  /** Up to when it is counted, and with what it goes on. */
  readonly atMs: number
  readonly draw: Draw
  readonly wh: number
  /** The part of `wh` used while asleep. */
  readonly standbyWh: number
  readonly asleep: boolean
  /** Money for `pricedWh`, which is the part of `wh` for which there was a valid price; gCO₂ likewise. */
  readonly cost: number
  readonly pricedWh: number
  readonly grams: number
  readonly gradedWh: number
  /** Time in which nobody looked; nothing is counted for it. */
  readonly unknownMs: number
}

/** Longest time between two looks that is counted as if nothing had changed, ms. */
export const MAX_GAP_MS = 900_000

const HOUR_MS = 3_600_000

/** An account that begins now. */
export function openEnergy(draw: Draw, asleep: boolean, nowMs: number): EnergyAccount {
  const nothing = { wh: 0, standbyWh: 0, cost: 0, pricedWh: 0, grams: 0, gradedWh: 0, unknownMs: 0 }
  return { sinceMs: nowMs, atMs: nowMs, draw, asleep, ...nothing }
}

/**
 * The account up to now: what was drawn at the last look is held until this one. Time without a look beyond
 * {@link MAX_GAP_MS} is unknown, and a clock that went back counts nothing.
 */
export function accrue(account: EnergyAccount, draw: Draw, asleep: boolean, nowMs: number): EnergyAccount {
  const passedMs = Math.max(0, nowMs - account.atMs)
  const unknownMs = Math.max(0, passedMs - MAX_GAP_MS)
  const { watts, pricePerKwh, gramsPerKwh } = account.draw
  const wh = (watts * (passedMs - unknownMs)) / HOUR_MS
  return {
    sinceMs: account.sinceMs,
    atMs: nowMs,
    draw,
    asleep,
    wh: account.wh + wh,
    standbyWh: account.standbyWh + (account.asleep ? wh : 0),
    cost: account.cost + (pricePerKwh === undefined ? 0 : (wh / 1_000) * pricePerKwh),
    pricedWh: account.pricedWh + (pricePerKwh === undefined ? 0 : wh),
    grams: account.grams + (gramsPerKwh === undefined ? 0 : (wh / 1_000) * gramsPerKwh),
    gradedWh: account.gradedWh + (gramsPerKwh === undefined ? 0 : wh),
    unknownMs: account.unknownMs + unknownMs,
  }
}

/** What a node draws: by its curve while it is up, its standby watts while asleep, nothing when it has failed. */
export function wattsOf(
  node: { readonly curve: PowerCurve; readonly asleepWatts: number; readonly capacity: number },
  state: 'up' | 'asleep' | 'failed',
  tokensPerSecond: number,
): number {
  if (state === 'failed') return 0
  return state === 'asleep' ? node.asleepWatts : wattsAt(node.curve, tokensPerSecond / node.capacity)
}
