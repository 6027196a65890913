import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { CheckpointStore } from '../../src/coordinator/checkpoint-store.ts'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { CoordinatorStore } from '../../src/coordinator/coordinator-store.ts'
import { evacuate, evacuationDueMs } from '../../src/coordinator/evacuation.ts'
import { HeartbeatWatch } from '../../src/coordinator/heartbeats.ts'
import { MoveStore } from '../../src/coordinator/move-store.ts'
import { MOVE_LIMITS, Moves } from '../../src/coordinator/moves.ts'
import { plannedMoves } from '../../src/coordinator/plans-moves.ts'
import { ServingLeases } from '../../src/coordinator/serving-leases.ts'
import { Takeovers } from '../../src/coordinator/takeovers.ts'
import { HEALTH_TERMS, newHealth } from '../../src/core/health.ts'
import { NO_REQUESTS, reportOf } from '../../src/node/health-probe.ts'
import { API, adminOf, node, tenant } from './admin-client.ts'
import { env } from './world.ts'

const TERMS = { ttlMs: HEALTH_TERMS.failedAfter * HEALTH_TERMS.intervalMs, marginMs: HEALTH_TERMS.intervalMs }

const HOUR_MS = 3_600_000

/** The parts of a real coordinator over its own store, and what it is asked through. */
async function coordinatorOf(name: string, ...sets: readonly (readonly object[])[]) {
  const call = adminOf(name)
  const stub = (env.COORDINATOR as unknown as DurableObjectNamespace<CoordinatorObject>).getByName(name)
  for (const set of sets) {
    expect((await call(`${API}/apply`, { method: 'POST', json: set })).status).toBe(200)
    await expect
      .poll(async () => await stub.summary(), { timeout: 15_000 })
      .toMatchObject({ waiting: 0, unconfirmed: 0 })
  }
  const within = <T>(work: (parts: ReturnType<typeof partsOf>) => T, nowMs = Date.now()) =>
    runInDurableObject(stub, (_, state) => work(partsOf(state.storage, nowMs)))
  return { call, stub, within }
}

/** @param startMs when the object began, as its clock said */
function partsOf(storage: DurableObjectStorage, startMs: number) {
  const store = new CoordinatorStore(storage)
  const serving = new ServingLeases(store, startMs)
  const moves = new Moves(store, (name) => env.NODES.getByName(name))
  const takeovers = new Takeovers(store, serving, new CheckpointStore(store))
  const fail = (name: string, nowMs: number) => {
    const health = { ...newHealth(nowMs), phase: 'Failed', reason: 'Silent', heardMs: nowMs } as const
    store.run('UPDATE nodes SET health = ? WHERE name = ?', JSON.stringify(health), name)
  }
  /** Time passes, and the clock is looked at as often as nodes report. */
  const pass = (fromMs: number, untilMs: number) => {
    for (let ms = fromMs; ms < untilMs; ms += TERMS.marginMs) serving.lapsed('', ms)
    serving.lapsed('', untilMs)
  }
  return { store, serving, moves, takeovers, fail, pass }
}

describe('a node that has failed and is silent', { timeout: 60_000 }, () => {
  it('is taken over from once it has certainly stopped: the most critical first, as far as there is room', async () => {
    const zones = ['tk-zone']
    const { call, stub, within } = await coordinatorOf(
      'tk-a',
      [
        node('tk-a-1', { capacity: 100, zone: 'tk-zone' }),
        ...[1, 9, 5].map((criticality) => tenant(`tk-a-t${criticality}`, { base: 30, criticality, zones })),
      ],
      [
        node('tk-a-2', { capacity: 60, zone: 'tk-zone' }),
        node('tk-a-3', { capacity: 999, zone: 'elsewhere' }),
      ],
    )
    const nowMs = Date.now() - TERMS.ttlMs
    const begun = await within(({ store, serving, moves, takeovers, fail, pass }) => {
      serving.grant('tk-a-1', nowMs, TERMS)
      fail('tk-a-1', nowMs)
      pass(nowMs, nowMs + TERMS.ttlMs - 1)
      const early = evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs - 1)
      const dueMs = evacuationDueMs(store, takeovers, nowMs + TERMS.ttlMs - 1)! - nowMs
      const due = evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs)
      return { early, dueMs, due, again: evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs) }
    }, nowMs)
    expect(begun).toEqual({ early: 0, dueMs: TERMS.ttlMs, due: 2, again: 0 })
    const events = await stub.events({ after: 0, limit: 100, kind: 'Tenant' })
    const started = events.filter(({ reason }) => reason === 'TakeoverStarted')
    expect(started.map(({ name }) => name)).toEqual(['tk-a-t9', 'tk-a-t5'])
    expect(started[0]!.message).toContain('takeover: tk-a-1 has failed and is silent')
    // Anything that is asked of it wakes the object.
    await call(`${API}/nodes/tk-a-3/cordon`, { method: 'POST' })
    const migrations = async () => (await stub.migrations({ limit: 10 })).map(({ phase }) => phase)
    await expect.poll(migrations, { timeout: 15_000 }).toEqual(['DONE', 'DONE'])
    const placements = (await stub.placements({ limit: 10 })).items
    expect(placements.map((it) => [it.tenant, it.node, it.epoch])).toEqual([
      ['tk-a-t1', 'tk-a-1', 1],
      ['tk-a-t5', 'tk-a-2', 2],
      ['tk-a-t9', 'tk-a-2', 2],
    ])
  })

  it('leaves a successor of the coordinator to presume no less than was granted', async () => {
    const { within } = await coordinatorOf('tk-b', [node('tk-b-1')])
    const nowMs = Date.now()
    await within(({ serving, pass }) => {
      serving.grant('tk-b-1', nowMs, TERMS)
      pass(nowMs, nowMs + TERMS.ttlMs)
      serving.grant('tk-b-1', nowMs + TERMS.ttlMs, TERMS)
      pass(nowMs + TERMS.ttlMs, nowMs + 2 * TERMS.ttlMs - 1)
      expect(serving.lapsed('tk-b-1', nowMs + 2 * TERMS.ttlMs - 1)).toBe(false)
      expect(serving.lapsed('tk-b-1', nowMs + 2 * TERMS.ttlMs)).toBe(true)
    }, nowMs)
    // Wherever its clock stands: the lease may have been granted just before it began.
    for (const startMs of [nowMs, nowMs + HOUR_MS, nowMs - HOUR_MS]) {
      await within(({ serving, pass }) => {
        expect(serving.lapsed('tk-b-1', startMs)).toBe(false)
        pass(startMs, startMs + 2 * TERMS.ttlMs - 1)
        expect(serving.lapsed('tk-b-1', startMs + 2 * TERMS.ttlMs - 1)).toBe(false)
        expect(serving.lapsed('tk-b-1', startMs + 2 * TERMS.ttlMs)).toBe(true)
      }, startMs)
    }
  })

  it('is presumed to serve as long as its lease may run, however the coordinator’s clock is set', async () => {
    const { within } = await coordinatorOf('tk-e', [node('tk-e-1')])
    const nowMs = Date.now()
    await within(({ serving, pass }) => {
      for (const setMs of [nowMs + HOUR_MS, nowMs - HOUR_MS]) {
        serving.grant('tk-e-1', nowMs, TERMS)
        // It stops by its own clock one margin before a term has passed; of the jump no more than that is believed.
        expect(serving.lapsed('tk-e-1', setMs)).toBe(false)
        pass(setMs, setMs + TERMS.ttlMs - TERMS.marginMs - 1)
        expect(serving.lapsed('tk-e-1', setMs + TERMS.ttlMs - TERMS.marginMs - 1)).toBe(false)
        pass(setMs + TERMS.ttlMs - TERMS.marginMs, setMs + TERMS.ttlMs)
        expect(serving.lapsed('tk-e-1', setMs + TERMS.ttlMs)).toBe(true)
      }
    }, nowMs)
  })
})

it('a plan begins a move again later when a node takes part in as many as it may, and no other refusal', async () => {
  const many = Array.from({ length: MOVE_LIMITS.maxMovesOut + 1 }, (_, i) => tenant(`tk-c-t${i}`))
  const { within } = await coordinatorOf('tk-c', [node('tk-c-1'), ...many], [node('tk-c-2')])
  await within(({ store, moves }) => {
    const plan = plannedMoves(store, moves)
    const started = many.map(({ metadata }) => plan.start(metadata.name, 'tk-c-2', 'by a plan'))
    expect(started.filter(({ ok }) => ok)).toHaveLength(MOVE_LIMITS.maxMovesOut)
    expect(started.at(-1)).toMatchObject({ ok: false, error: { again: true } })
    expect(plan.start('tk-c-t0', 'tk-c-9', 'by a plan')).toMatchObject({ error: { again: false } })
  })
})

it('a move goes on, and is shown as far as it is, although the clock was set back an hour', async () => {
  const { call, stub, within } = await coordinatorOf(
    'tk-d',
    [node('tk-d-1'), tenant('tk-d-t')],
    [node('tk-d-2')],
  )
  await within(({ store, moves }) => {
    const rows = new MoveStore(store)
    expect(moves.start({ tenant: 'tk-d-t', to: 'tk-d-2' }, Date.now())).toMatchObject({ ok: true })
    const dueAtMs = Date.now() + HOUR_MS
    rows.postpone({ ...rows.stored('tk-d-t')!, retry: { attempts: 0, dueAtMs } })
    expect(rows.due(Date.now(), 5_000, 9)).toEqual(['tk-d-t'])
    expect(rows.due(Date.now(), 2 * HOUR_MS, 9)).toEqual([])
    expect(rows.nextDueMs(0, 5_000)).toBe(5_000)
    expect(moves.list({ limit: 1 })).toMatchObject([{ phase: 'PREPARING' }])
  })
  await call(`${API}/nodes/tk-d-2/uncordon`, { method: 'POST' })
  const migrations = async () => (await stub.migrations({ limit: 10 })).map(({ phase }) => phase)
  await expect.poll(migrations, { timeout: 15_000 }).toEqual(['DONE'])
})

it('an open migration is listed as far as its row is, not as it was begun', async () => {
  const { within } = await coordinatorOf('tk-f', [node('tk-f-1'), tenant('tk-f-t')], [node('tk-f-2')])
  await within(({ moves }) => {
    const begun = moves.start({ tenant: 'tk-f-t', to: 'tk-f-2' }, Date.now())
    expect(begun).toMatchObject({ ok: true, value: { phase: 'PREPARING' } })
    expect(moves.abort('tk-f-t', Date.now())).toMatchObject({ ok: true })
    expect(moves.list({ limit: 1, open: true })).toMatchObject([
      { phase: 'ABORTING', steps: [{ phase: 'PREPARING' }, { phase: 'ABORTING' }] },
    ])
  })
})

it('a heartbeat brings an alarm back that a clock set back has left an hour ahead', async () => {
  const { stub } = await coordinatorOf('tk-g', [node('tk-g-1')])
  const state = await env.NODES.getByName('tk-g-1').state()
  const { report } = reportOf(
    state,
    { verdict: 'healthy', reason: '', ...NO_REQUESTS },
    undefined,
    Date.now(),
  )
  await stub.heartbeat('tk-g-1', report)
  await runInDurableObject(stub, (_, { storage }) => storage.setAlarm(Date.now() + HOUR_MS))
  await stub.heartbeat('tk-g-1', report)
  const alarmMs = await runInDurableObject(stub, (_, { storage }) => storage.getAlarm())
  expect(alarmMs).toBeLessThan(Date.now() + 60_000)
})

it('silence is noticed in time although the clock was set back an hour', async () => {
  const { within } = await coordinatorOf('tk-h', [node('tk-h-1')])
  const state = await env.NODES.getByName('tk-h-1').state()
  const nowMs = Date.now()
  await within(({ store, serving }) => {
    const watch = new HeartbeatWatch(store, serving, new CheckpointStore(store), undefined, nowMs)
    const { report } = reportOf(state, { verdict: 'healthy', reason: '', ...NO_REQUESTS }, undefined, nowMs)
    watch.accept('tk-h-1', { report, checkpoints: [], told: [] }, nowMs)
    const setMs = nowMs - HOUR_MS
    watch.sweep(setMs)
    expect(watch.dueMs()).toBe(setMs + HEALTH_TERMS.degradedAfter * HEALTH_TERMS.intervalMs)
  }, nowMs)
})
