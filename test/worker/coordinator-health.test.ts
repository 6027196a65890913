import { abortAllDurableObjects } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { OriginHealth } from '../../src/core/control.ts'
import { HEALTH_TERMS } from '../../src/core/health.ts'
import { API, adminOf, node, tenant } from './admin-client.ts'
import { env, manifest, without, world } from './world.ts'

const WELL: OriginHealth = {
  verdict: 'healthy',
  reason: '',
  requests: 0,
  failures: 0,
  timeouts: 0,
  meanMs: 0,
}
const ILL: OriginHealth = { ...WELL, verdict: 'unhealthy', reason: 'the probe timed out' }

const reportOf = (origin: OriginHealth) => ({
  version: 1,
  life: 1,
  generation: 1,
  capacity: 100,
  demand: 0,
  spent: 0,
  origin,
  tenants: [],
})

describe('heartbeats', () => {
  it('turn into phases, keep tenants off a failed node, and outlive a restart', async () => {
    const stub = () => env.COORDINATOR.getByName('hb-main')
    const beat = (origin: OriginHealth) => stub().heartbeat('hb-1', reportOf(origin))
    const phase = async () => (await stub().node('hb-1'))?.status.phase
    const call = adminOf('hb-main')
    expect(await beat(WELL)).toMatchObject({ generation: 0, nextMs: HEALTH_TERMS.intervalMs })
    await call(`${API}/apply`, { method: 'POST', json: [node('hb-1')] })
    await expect.poll(phase).toBe('Ready')
    expect((await beat(WELL)).generation).toBeGreaterThan(0)
    for (let i = 0; i < HEALTH_TERMS.degradedAfter; i++) await beat(ILL)
    expect(await phase()).toBe('Degraded')
    for (let i = HEALTH_TERMS.degradedAfter; i < HEALTH_TERMS.failedAfter; i++) await beat(ILL)
    expect(await phase()).toBe('Failed')
    await abortAllDurableObjects()
    expect(await phase()).toBe('Failed')
    await call(`${API}/apply`, { method: 'POST', json: [tenant('hb-a')] })
    const placed = async () => (await stub().tenant('hb-a'))?.status
    await expect.poll(async () => (await placed())?.conditions[0]?.message).toMatch(/1 closed/)
    for (let i = 0; i < HEALTH_TERMS.recoverAfter; i++) await beat(WELL)
    expect(await phase()).toBe('Degraded')
    await expect.poll(async () => (await placed())?.node).toBe('hb-1')
    for (let i = 0; i < HEALTH_TERMS.recoverAfter; i++) await beat(WELL)
    expect(await phase()).toBe('Ready')
    const events = await stub().events({ after: 0, limit: 100, kind: 'Node' })
    expect(events.map((it) => it.reason)).toEqual([
      'Created',
      'Ready',
      'Degraded',
      'Failed',
      'Degraded',
      'Ready',
    ])
  })
})

describe('while the coordinator is away', () => {
  /** How long it is away, ms: several times as long as a route counts as fresh. */
  const AWAY_MS = 3_000

  it('no request with a cached route fails, although the routes have grown stale', async () => {
    const it = await world(manifest(10_000, { a: 'base: 9000' }), { routeFreshMs: 200 })
    expect((await it.ask('a')).status).toBe(200)
    const gone = without('COORDINATOR')
    const untilMs = Date.now() + AWAY_MS
    const seen = new Map<number, number>()
    const client = async () => {
      while (Date.now() < untilMs) {
        const { status } = await it.askAndSettle('a', { env: gone })
        seen.set(status, (seen.get(status) ?? 0) + 1)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    await Promise.all(Array.from({ length: 8 }, client))
    console.log('requests while the coordinator was away, by status:', Object.fromEntries(seen))
    expect([...seen.keys()]).toEqual([200])
    expect(seen.get(200)).toBeGreaterThan(100)
    expect((await it.ask('a')).status).toBe(200)
  })
})
