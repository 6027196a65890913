import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OriginHealth } from '../../src/core/control.ts'
import {
  HEALTH_TERMS,
  type NodeHealth,
  newHealth,
  onReport,
  onSilence,
  silenceDueMs,
} from '../../src/core/health.ts'

const WELL: OriginHealth = {
  verdict: 'healthy',
  reason: '',
  requests: 100,
  failures: 0,
  timeouts: 0,
  meanMs: 5,
}
const BAD: OriginHealth = { ...WELL, verdict: 'unhealthy', reason: 'probe timed out' }
const { intervalMs, degradedAfter, failedAfter, recoverAfter } = HEALTH_TERMS

/** Health after reports one interval apart, the first at 1 000 000 ms. */
function after(reports: readonly OriginHealth[], start: NodeHealth = newHealth(0)): NodeHealth {
  let health = start
  reports.forEach((origin, i) => {
    health = onReport(health, { origin }, Math.max(1_000_000, start.heardMs + intervalMs) + i * intervalMs)
  })
  return health
}
const times = (count: number, origin: OriginHealth) => Array.from({ length: count }, () => origin)

describe('reports', () => {
  it('make a node Ready with the first good one', () => {
    expect(after([WELL])).toMatchObject({ phase: 'Ready', reason: 'Heard', sinceMs: 1_000_000 })
  })

  it('that are bad lead to Degraded, then Failed, each at its count and not one sooner', () => {
    const ready = after([WELL])
    expect(after(times(degradedAfter - 1, BAD), ready).phase).toBe('Ready')
    expect(after(times(degradedAfter, BAD), ready)).toMatchObject({
      phase: 'Degraded',
      reason: 'OriginUnhealthy',
    })
    expect(after(times(failedAfter - 1, BAD), ready).phase).toBe('Degraded')
    expect(after(times(failedAfter, BAD), ready)).toMatchObject({
      phase: 'Failed',
      message: 'probe timed out',
    })
  })

  it('lead back one phase at a time, each after as many good ones', () => {
    const failed = after([WELL, ...times(failedAfter, BAD)])
    expect(after(times(recoverAfter - 1, WELL), failed)).toMatchObject({
      phase: 'Failed',
      reason: 'Recovering',
    })
    expect(after(times(recoverAfter, WELL), failed).phase).toBe('Degraded')
    expect(after(times(2 * recoverAfter - 1, WELL), failed).phase).toBe('Degraded')
    expect(after(times(2 * recoverAfter, WELL), failed).phase).toBe('Ready')
  })

  it('one bad one among good ones starts the way back anew', () => {
    const degraded = after([WELL, ...times(degradedAfter, BAD)])
    const mixed = [...times(recoverAfter - 1, WELL), BAD, ...times(recoverAfter - 1, WELL)]
    expect(after(mixed, degraded).phase).toBe('Degraded')
    expect(after([...mixed, WELL], degraded).phase).toBe('Ready')
  })

  it('count errors of real requests only when there are enough', () => {
    const few = { ...WELL, requests: HEALTH_TERMS.minRequests - 1, failures: HEALTH_TERMS.minRequests - 1 }
    expect(after([WELL, ...times(failedAfter, few)]).phase).toBe('Ready')
    const half = { ...WELL, requests: 40, failures: 10, timeouts: 10 }
    expect(after([WELL, ...times(degradedAfter, half)])).toMatchObject({
      phase: 'Degraded',
      reason: 'OriginErrors',
    })
    expect(after([WELL, ...times(failedAfter, { ...half, failures: 9 })]).phase).toBe('Ready')
  })

  it('never flap: a node that is bad every other time stays Ready, one that is well every other time stays Degraded', () => {
    const alternating = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? BAD : WELL))
    expect(after(alternating, after([WELL])).phase).toBe('Ready')
    expect(after(alternating, after([WELL, ...times(degradedAfter, BAD)])).phase).toBe('Degraded')
  })
})

describe('silence', () => {
  it('says nothing of a node that was never heard', () => {
    expect(onSilence(newHealth(0), 1e12)).toEqual(newHealth(0))
    expect(silenceDueMs(newHealth(0))).toBeUndefined()
  })

  it('leads to Degraded and Failed at the times announced, whenever it is looked at', () => {
    const ready = after([WELL])
    const firstMs = silenceDueMs(ready)!
    expect(onSilence(ready, firstMs - 1).phase).toBe('Ready')
    const degraded = onSilence(ready, firstMs)
    expect(degraded).toMatchObject({ phase: 'Degraded', reason: 'Silent' })
    const secondMs = silenceDueMs(degraded)!
    expect(onSilence(degraded, secondMs - 1).phase).toBe('Degraded')
    const failed = onSilence(degraded, secondMs)
    expect(failed).toMatchObject({ phase: 'Failed', reason: 'Silent', sinceMs: secondMs })
    expect(silenceDueMs(failed)).toBeUndefined()
    expect(onSilence(ready, secondMs).phase).toBe('Failed')
  })

  it('of a clock that went back changes nothing', () => {
    const ready = after([WELL])
    expect(onSilence(ready, ready.heardMs - 3_600_000)).toBe(ready)
  })

  it('looked at any number of times comes to the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 20 }),
        fc.integer({ min: 0, max: 60_000 }),
        (looks, endMs) => {
          const ready = after([WELL])
          let looked = ready
          for (const at of looks.filter((it) => it <= endMs).sort((a, b) => a - b))
            looked = onSilence(looked, ready.heardMs + at)
          looked = onSilence(looked, ready.heardMs + endMs)
          expect(looked.phase).toBe(onSilence(ready, ready.heardMs + endMs).phase)
        },
      ),
    )
  })
})
