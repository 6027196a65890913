import { describe, expect, it } from 'vitest'
import { deviceMetrics, MAX_DEVICE_SERIES } from '../../src/admin/device-metrics.ts'
import { MetricsPage } from '../../src/admin/metrics-text.ts'
import { MAX_TENANT_SERIES, tenantMetrics } from '../../src/admin/tenant-metrics.ts'
import { type FeedDevice, type FeedTenant, OTHERS } from '../../src/core/feed.ts'
import { API, adminOf, problem, ROOT } from './admin-client.ts'

const SCRAPER = 'metrics-secret-of-these-tests-0123456789'
const call = adminOf('main', { STINT_ADMIN_TOKEN: ROOT, STINT_METRICS_TOKEN: SCRAPER })

describe('/_stint/metrics', () => {
  it('is for operators with scope read and for the metrics token, which opens nothing else', async () => {
    const text = await (await call('/_stint/metrics')).text()
    expect(text).toContain('# TYPE stint_requests_admitted_total counter')
    expect((await call('/_stint/metrics', { token: SCRAPER })).status).toBe(200)
    expect((await call(`${API}/summary`, { token: SCRAPER })).status).toBe(401)
    expect((await problem(await call('/_stint/metrics', { token: null }))).status).toBe(401)
    expect((await problem(await call('/_stint/metrics', { token: 'wrong' }))).status).toBe(401)
    const made = await call(`${API}/tokens`, { method: 'POST', json: { scopes: ['signals'] } })
    const { token } = (await made.json()) as { token: string }
    expect((await problem(await call('/_stint/metrics', { token }))).status).toBe(403)
  })

  it('takes no short metrics token', async () => {
    const short = adminOf('main', { STINT_ADMIN_TOKEN: ROOT, STINT_METRICS_TOKEN: 'short' })
    expect((await short('/_stint/metrics', { token: 'short' })).status).toBe(401)
  })

  it('has a bounded number of series, and loses no request of those beyond', () => {
    const many = Array.from({ length: MAX_TENANT_SERIES + 7 }, (_, i) => tenantOf(`t${10_000 + i}`, 3))
    const page = new MetricsPage()
    tenantMetrics(page, many)
    const admitted = page.toString().match(/^stint_requests_admitted_total\{.*$/gm) ?? []
    expect(admitted.length).toBe(MAX_TENANT_SERIES + 1)
    expect(admitted.at(-1)).toBe(`stint_requests_admitted_total{tenant="${OTHERS}"} 21`)
  })

  it('has series of devices, bounded, and loses no request of those beyond', () => {
    const deviceOf = (name: string): FeedDevice => ({
      name,
      base: 1,
      balance: -1,
      spentTotal: 4,
      borrowedTotal: 2,
      admitted: 3,
      refused: 1,
    })
    const names = Array.from({ length: 6 }, (_, i) => `d${i}`)
    const tenants = Array.from({ length: 200 }, (_, i) => ({
      ...tenantOf(`t${1_000 + i}`, 18),
      devices: names.map(deviceOf),
    }))
    const page = new MetricsPage()
    deviceMetrics(page, { tenants: [tenantOf('plain', 1), ...tenants], otherDevices: deviceOf(OTHERS) })
    const text = page.toString()
    expect(text).not.toContain('plain')
    expect(text).toContain('stint_device_balance_tokens{tenant="t1000",device="d5"} -1\n')
    const admitted = text.match(/^stint_device_requests_admitted_total\{.*$/gm) ?? []
    expect(admitted.length).toBe(MAX_DEVICE_SERIES + 1)
    const sum = 3 * (200 * 6 + 1 - MAX_DEVICE_SERIES)
    expect(admitted.at(-1)).toBe(
      `stint_device_requests_admitted_total{tenant="${OTHERS}",device="${OTHERS}"} ${sum}`,
    )
  })

  it('escapes what would end a label', () => {
    const page = new MetricsPage()
    page.family('a', 'gauge', 'b\nc').add(1, { tenant: 'x"}\n\\' })
    expect(page.toString()).toBe('# HELP a b\\nc\n# TYPE a gauge\na{tenant="x\\"}\\n\\\\"} 1\n')
  })
})

describe('probes', () => {
  it('need no token and tell nothing but how it is', async () => {
    expect(await (await call('/_stint/healthz', { token: null })).text()).toBe('ok\n')
    const ready = await call('/_stint/readyz', { token: null })
    expect(ready.status).toBe(200)
    expect(await ready.json()).toEqual({ ready: true, checks: { coordinator: 'ok', secret: 'ok' } })
  })

  it('are not ready without a secret', async () => {
    const bare = adminOf('main', {})
    expect((await bare('/_stint/healthz', { token: null })).status).toBe(200)
    expect((await bare('/_stint/readyz', { token: null })).status).toBe(503)
  })
})

function tenantOf(name: string, admitted: number): FeedTenant {
  const none = { balance: 0, owed: 0, granted: 0, wanted: 0, lent: 0, spentTotal: 0, borrowedTotal: 0 }
  return { name, epoch: 1, base: 1, ...none, admitted, refused: 0, unreachable: 0, shadowed: 0, edges: 0 }
}
