import { describe, expect, it } from 'vitest'
import type { NodeState } from '../../src/core/control.ts'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import { noUsage } from '../../src/core/usage.ts'
import { type AskOrigin, HealthProbe, reportOf } from '../../src/node/health-probe.ts'

const SPEC = nodeSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Node',
  metadata: { name: 'n' },
  spec: {
    capacity: 1,
    health: { path: '/up', intervalMs: 1_000, timeoutMs: 100, failureThreshold: 3, successThreshold: 2 },
  },
}).spec.health!

const answering =
  (status: number): AskOrigin =>
  async () =>
    new Response('x', { status })
const silent: AskOrigin = (_, signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
const refusing: AskOrigin = async () => {
  throw new Error('connection refused')
}

/** Probes one interval apart. */
async function verdicts(probe: HealthProbe, asks: readonly AskOrigin[]): Promise<string[]> {
  const seen: string[] = []
  for (const ask of asks) {
    await probe.probe(SPEC, ask, (probe.dueMs(SPEC) ?? 0) + 1)
    seen.push(probe.health().verdict)
  }
  return seen
}

describe('the probe', () => {
  it('changes its verdict at the thresholds and not before', async () => {
    const probe = new HealthProbe()
    const [ok, bad] = [answering(200), answering(503)]
    expect(await verdicts(probe, [ok, ok])).toEqual(['unknown', 'healthy'])
    expect(await verdicts(probe, [bad, bad, ok, bad, bad, bad])).toEqual([
      'healthy',
      'healthy',
      'healthy',
      'healthy',
      'healthy',
      'unhealthy',
    ])
    expect(probe.health().reason).toBe('3 probes failed in a row: it answered 503')
    expect(await verdicts(probe, [ok, bad, ok, ok])).toEqual([
      'unhealthy',
      'unhealthy',
      'unhealthy',
      'healthy',
    ])
  })

  it('takes no answer, no connection and an error for failures, and a redirect for an answer', async () => {
    for (const [ask, reason] of [
      [silent, /no answer within 100 ms/],
      [refusing, /connection refused/],
      [answering(404), /answered 404/],
    ] as const) {
      const probe = new HealthProbe()
      expect((await verdicts(probe, [ask, ask, ask])).at(-1)).toBe('unhealthy')
      expect(probe.health().reason).toMatch(reason)
    }
    expect((await verdicts(new HealthProbe(), [answering(302), answering(302)])).at(-1)).toBe('healthy')
  })

  it('asks for its path once an interval, and not at all without a probe in the manifest', async () => {
    const paths: string[] = []
    const ask: AskOrigin = async (path) => {
      paths.push(path)
      return new Response()
    }
    const probe = new HealthProbe()
    for (let nowMs = 0; nowMs < 3_000; nowMs += 100) await probe.probe(SPEC, ask, nowMs)
    expect(paths).toEqual(['/up', '/up', '/up'])
    await probe.probe(undefined, ask, 1e9)
    expect(paths).toHaveLength(3)
    expect(probe.dueMs(undefined)).toBeUndefined()
  })
})

describe('the report', () => {
  const state = (spentTotal: number): NodeState => {
    const account = {
      epoch: 1,
      base: 1,
      balance: 0,
      owed: 0,
      granted: 0,
      borrowedTotal: 0,
      refusedNow: false,
      edges: 1,
      usage: noUsage(),
    }
    return {
      node: 'n',
      life: 3,
      generation: 7,
      capacity: 100,
      roundMs: 500,
      round: 1,
      pool: 0,
      accounts: [
        { ...account, tenant: 'a', wanted: 10, spentTotal },
        { ...account, tenant: 'a', device: 'web', wanted: 10, spentTotal },
        { ...account, tenant: 'b', wanted: 30, spentTotal: 0 },
      ],
    }
  }

  it('gives rates per second, the largest demand first, devices within their tenant', () => {
    const health = new HealthProbe().health()
    const first = reportOf(state(50), health, undefined, 1_000)
    expect(first.report).toMatchObject({ life: 3, generation: 7, capacity: 100, demand: 80, spent: 0 })
    const { report } = reportOf(state(90), health, first.reported, 3_000)
    expect(report.spent).toBe(20)
    expect(report.tenants).toEqual([
      { tenant: 'b', demand: 60, spent: 0 },
      { tenant: 'a', demand: 20, spent: 20 },
    ])
    expect(reportOf(state(10), health, first.reported, 3_000).report.spent).toBe(0)
  })
})
