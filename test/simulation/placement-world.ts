import { PLANETLAB } from '../../scripts/placement/catalogue.ts'
import type { DatacentreOptions } from '../../scripts/placement/datacentre.ts'
import type { Trace } from '../../scripts/placement/traces.ts'

export const SAMPLES = 288

/** Eight hosts of the published kinds: even ones 2 × 1860 MIPS, odd ones 2 × 2660. */
export const EIGHT_HOSTS = { ...PLANETLAB, hostCount: 8 }

export const COMPAT: DatacentreOptions = {
  accounting: 'compat',
  standbyWatts: 0,
  alwaysPeak: false,
  baseShare: 0,
}

/** A day of machines whose load in percent is a function of the sample. */
export function traceOf(loads: readonly ((sample: number) => number)[]): Trace {
  const percent = new Uint8Array(loads.length * SAMPLES)
  loads.forEach((load, vm) => {
    for (let s = 0; s < SAMPLES; s++) percent[vm * SAMPLES + s] = load(s)
  })
  return { day: '20300101', vmCount: loads.length, samples: SAMPLES, percent }
}

export const flat = (percent: number) => () => percent
