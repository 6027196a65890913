import { describe, expect, it } from 'vitest'
import { Datacentre } from '../../scripts/placement/datacentre.ts'
import { runDay } from '../../scripts/placement/run.ts'
import { medians, simulateDay } from '../../scripts/placement/simulate-day.ts'
import { COMPAT, EIGHT_HOSTS, flat, traceOf } from './placement-world.ts'

/** Seconds from the first reading to the last: frames before the first count nothing in compat. */
const COUNTED_S = 286 * 300
const kwh = (watts: number, seconds: number) => (watts * seconds) / 3_600_000

/** Machines are of 2500, 2000, 1000 and 500 MIPS; first fit puts the first two on host 1, the rest on 0. */
const FOUR_FLAT = traceOf([flat(50), flat(50), flat(50), flat(50)])
const HOST_0_WATTS = 92.6 + (96 - 92.6) * (10 * (750 / 3720) - 2)
const HOST_1_WATTS = 110 + (116 - 110) * (10 * (2250 / 5320) - 4)

const CALM = { policy: 'dvfs', accounting: 'compat', standbyWatts: 0, profile: 'eco', energy: null } as const
const still = { initial: 'first-fit', decide: () => [] } as const
const run = (trace: ReturnType<typeof traceOf>, policy: Parameters<typeof runDay>[2], options = COMPAT) => {
  const dc = new Datacentre(EIGHT_HOSTS, trace, options)
  runDay(dc, EIGHT_HOSTS, policy)
  return { dc, ...dc.account.outcome() }
}

describe('the compat accounting', () => {
  it('draws the curves of the hosts in use and nothing for the others', () => {
    const outcome = run(FOUR_FLAT, still)
    expect(outcome.energyKwh).toBeCloseTo(kwh(HOST_0_WATTS + HOST_1_WATTS, COUNTED_S), 6)
    expect(outcome).toMatchObject({ migrations: 0, otf: 0, pdm: 0, unservedShare: 0 })
  })

  it('charges every host its peak, from midnight, without power management', () => {
    const day = simulateDay(EIGHT_HOSTS, FOUR_FLAT, { ...CALM, policy: 'none' })
    expect(day.energyKwh).toBeCloseTo(kwh(4 * (117 + 135), COUNTED_S + 300.1), 6)
  })

  it('removes a machine that is idle over two samples for good', () => {
    const trace = traceOf([flat(50), (s) => (s === 10 || s === 11 ? 0 : 50), flat(50), flat(50)])
    const { dc } = run(trace, still)
    expect([...dc.vmHost]).toEqual([1, -1, 0, 0])
  })

  it('keeps a machine that is idle at one sample only', () => {
    const { dc } = run(traceOf([flat(50), (s) => (s === 10 ? 0 : 50), flat(50), flat(50)]), still)
    expect([...dc.vmHost]).toEqual([1, 1, 0, 0])
  })

  it('scales what an overloaded host gives, and counts the time', () => {
    // Four machines of 2500 MIPS would not start on one host: transfer them there.
    const trace = traceOf([
      ...Array.from({ length: 4 }, () => flat(90)),
      ...Array.from({ length: 12 }, () => flat(1)),
    ])
    let moved = false
    const pack = (dc: Datacentre) => {
      if (moved) return []
      moved = true
      return [0, 1, 2, 3].filter((vm) => dc.vmHost[vm] !== 1).map((vm) => ({ vm, host: 1 }))
    }
    const { dc, otf, migrations, unservedShare } = run(trace, { initial: 'best-fit', decide: pack })
    expect(migrations).toBe(3)
    expect(dc.load[1]).toBeGreaterThan(0.999)
    expect(otf).toBeGreaterThan(0.1)
    expect(unservedShare).toBeGreaterThan(0.3)
  })

  it('serves a machine at nine tenths while it is transferred, and its target counts as violating', () => {
    let at = 0
    const swap = () => (at++ === 1 ? [{ vm: 3, host: 1 }] : [])
    const { pdm, otf, migrations, energyKwh } = run(FOUR_FLAT, { initial: 'first-fit', decide: swap })
    const seconds = 613 / 62.5
    const demand = 1250 + 1000 + 500 + 250
    expect(migrations).toBe(1)
    expect(pdm).toBeCloseTo((0.1 * 250 * seconds) / (demand * COUNTED_S), 10)
    expect(otf).toBeCloseTo(seconds / (2 * COUNTED_S), 10)
    expect(energyKwh).toBeLessThan(kwh(HOST_0_WATTS + HOST_1_WATTS + 10, COUNTED_S))
  })

  it('reads the load on the line between two samples', () => {
    const { dc } = run(traceOf([(s) => (s % 2 === 0 ? 0 : 60), flat(1), flat(1), flat(1)]), still)
    dc.observe(450)
    expect(dc.demand[0]).toBeCloseTo(0.3 * 2500)
  })
})

describe('the honest accounting', () => {
  const honest = { ...COMPAT, accounting: 'honest', standbyWatts: 6 } as const

  it('counts the whole day, standby included, and removes nobody', () => {
    const trace = traceOf([flat(0), flat(0), flat(0), flat(0)])
    const { dc, energyKwh } = run(trace, still, honest)
    expect(energyKwh).toBeCloseTo(kwh(86 + 93.7 + 6 * 6, 86_400), 6)
    expect([...dc.vmHost]).toEqual([1, 1, 0, 0])
  })

  it('gives everybody their base before it shares the rest', () => {
    const trace = traceOf([
      ...Array.from({ length: 4 }, () => flat(100)),
      ...Array.from({ length: 12 }, () => flat(4)),
    ])
    let moved = false
    const pack = (dc: Datacentre) => {
      if (moved) return []
      moved = true
      return [0, 1, 2, 3, 15].filter((vm) => dc.vmHost[vm] !== 1).map((vm) => ({ vm, host: 1 }))
    }
    const policy = { initial: 'best-fit', decide: pack } as const
    const { dc, unservedShare } = run(trace, policy, { ...honest, baseShare: 0.05 })
    expect(unservedShare).toBeGreaterThan(0.3)
    expect(dc.baseTouched).toBe(0)
  })
})

describe('the report', () => {
  it('bounds every policy from below, in both accountings', () => {
    const trace = traceOf(Array.from({ length: 12 }, (_, vm) => (s: number) => (vm * 7 + s) % 60))
    for (const accounting of ['compat', 'honest'] as const) {
      for (const policy of ['planner', 'none', 'dvfs', 'thr-mmt-0.8'] as const) {
        const day = simulateDay(EIGHT_HOSTS, trace, { ...CALM, policy, accounting, standbyWatts: 6 })
        expect(day.lowerBoundKwh).toBeGreaterThan(0)
        expect(day.energyKwh).toBeGreaterThanOrEqual(day.lowerBoundKwh)
      }
    }
  })

  it('takes the middle of the days', () => {
    const day = simulateDay(EIGHT_HOSTS, FOUR_FLAT, { ...CALM, policy: 'dvfs' })
    const days = [3, 1, 2].map((energyKwh) => ({ ...day, energyKwh }))
    expect(medians(days)['energyKwh']).toBe(2)
    expect(medians(days.slice(0, 2))['energyKwh']).toBe(2)
    expect(medians([])).toEqual({})
  })
})
