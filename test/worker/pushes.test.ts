import { runInDurableObject } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { CoordinatorStore } from '../../src/coordinator/coordinator-store.ts'
import { acceptAnswer, acceptSilence, nextPushMs, pendingPushes } from '../../src/coordinator/pushes.ts'
import { API, adminOf, node } from './admin-client.ts'
import { env } from './world.ts'

/** Far ahead, so that the object's own clock finds nothing due. */
const NOW_MS = 8_000_000_000_000

/** The store of a coordinator whose node `name` has confirmed all it was sent. */
async function withStore(name: string, work: (store: CoordinatorStore) => void): Promise<void> {
  await adminOf(name)(`${API}/apply`, { method: 'POST', json: [node(name)] })
  const stub = (env.COORDINATOR as unknown as DurableObjectNamespace<CoordinatorObject>).getByName(name)
  await expect.poll(async () => (await stub.summary()).unconfirmed, { timeout: 15_000 }).toBe(0)
  await runInDurableObject(stub, (_, state) => work(new CoordinatorStore(state.storage)))
}

describe('news that may wait', { timeout: 60_000 }, () => {
  it('is sent with all that comes until then, and not put off by it', () =>
    withStore('pu-1', (store) => {
      store.touchNodeLater('pu-1', store.nextRevision(), NOW_MS, NOW_MS + 2_000)
      store.touchNodeLater('pu-1', store.nextRevision(), NOW_MS + 1_500, NOW_MS + 3_500)
      expect(pendingPushes(store, NOW_MS + 1_999, 8)).toEqual([])
      expect(nextPushMs(store)).toBe(NOW_MS + 2_000)
      expect(pendingPushes(store, NOW_MS + 2_000, 8)).toEqual(['pu-1'])
      acceptAnswer(store, 'pu-1', { generation: store.revision, refused: [] }, NOW_MS + 2_000)
      expect(nextPushMs(store)).toBeUndefined()
    }))

  it('does not hold up what is urgent, before or after it', () =>
    withStore('pu-2', (store) => {
      store.touchNodeLater('pu-2', store.nextRevision(), NOW_MS, NOW_MS + 2_000)
      store.touchNode('pu-2', store.nextRevision())
      expect(pendingPushes(store, NOW_MS, 8)).toEqual(['pu-2'])
      store.touchNodeLater('pu-2', store.nextRevision(), NOW_MS, NOW_MS + 2_000)
      expect(pendingPushes(store, NOW_MS, 8)).toEqual(['pu-2'])
    }))

  it('is tried at its time with a node that is silent, or sooner', () =>
    withStore('pu-3', (store) => {
      store.touchNode('pu-3', store.nextRevision())
      acceptSilence(store, 'pu-3', 'no answer', NOW_MS)
      store.touchNodeLater('pu-3', store.nextRevision(), NOW_MS, NOW_MS + 100)
      expect(nextPushMs(store)).toBe(NOW_MS + 100)
      store.touchNodeLater('pu-3', store.nextRevision(), NOW_MS, NOW_MS + 60_000)
      expect(nextPushMs(store)).toBe(NOW_MS + 100)
    }))
})
