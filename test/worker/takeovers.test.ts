import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { CheckpointStore } from '../../src/coordinator/checkpoint-store.ts'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { CoordinatorStore } from '../../src/coordinator/coordinator-store.ts'
import { evacuate, evacuationDueMs } from '../../src/coordinator/evacuation.ts'
import { MOVE_LIMITS, Moves } from '../../src/coordinator/moves.ts'
import { plannedMoves } from '../../src/coordinator/plans-moves.ts'
import { ServingLeases } from '../../src/coordinator/serving-leases.ts'
import { Takeovers } from '../../src/coordinator/takeovers.ts'
import { HEALTH_TERMS, newHealth } from '../../src/core/health.ts'
import { API, adminOf, node, tenant } from './admin-client.ts'
import { env } from './world.ts'

const TERMS = { ttlMs: HEALTH_TERMS.failedAfter * HEALTH_TERMS.intervalMs, marginMs: HEALTH_TERMS.intervalMs }

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
  const within = <T>(work: (parts: ReturnType<typeof partsOf>) => T) =>
    runInDurableObject(stub, (_, state) => work(partsOf(state.storage)))
  return { call, stub, within }
}

function partsOf(storage: DurableObjectStorage) {
  const store = new CoordinatorStore(storage)
  const serving = new ServingLeases(store)
  const moves = new Moves(store, (name) => env.NODES.getByName(name))
  const takeovers = new Takeovers(store, serving, new CheckpointStore(store))
  const fail = (name: string, nowMs: number) => {
    const health = { ...newHealth(nowMs), phase: 'Failed', reason: 'Silent', heardMs: nowMs } as const
    store.run('UPDATE nodes SET health = ? WHERE name = ?', JSON.stringify(health), name)
  }
  return { store, serving, moves, takeovers, fail }
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
    const begun = await within(({ store, serving, moves, takeovers, fail }) => {
      const nowMs = Date.now() - TERMS.ttlMs
      serving.grant('tk-a-1', nowMs, TERMS)
      fail('tk-a-1', nowMs)
      const early = evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs - 1)
      const dueMs = evacuationDueMs(store, takeovers, nowMs + TERMS.ttlMs - 1)! - nowMs
      const due = evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs)
      return { early, dueMs, due, again: evacuate(store, moves, takeovers, nowMs + TERMS.ttlMs) }
    })
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
    await within(({ serving }) => {
      serving.grant('tk-b-1', nowMs, TERMS)
      serving.grant('tk-b-1', nowMs + TERMS.ttlMs, TERMS)
      expect(serving.lapsed('tk-b-1', nowMs + 2 * TERMS.ttlMs - 1)).toBe(false)
      expect(serving.lapsed('tk-b-1', nowMs + 2 * TERMS.ttlMs)).toBe(true)
    })
    await within(({ serving }) => {
      expect(serving.lapsed('tk-b-1', nowMs + 2 * TERMS.ttlMs - 1)).toBe(false)
      expect(serving.lapsed('tk-b-1', nowMs + 3 * TERMS.ttlMs)).toBe(true)
    })
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
