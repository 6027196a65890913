import { expect, it } from 'vitest'
import { LIMITS } from '../../src/config.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { Directory } from '../../src/edge/directory.ts'

const { spec } = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 'known' },
  spec: { base: 1, hosts: ['known.localhost'] },
})

function known(directory: Directory, host: string, nowMs: number): void {
  const route = { tenant: 'known', epoch: 1, node: 'n', upstream: { echo: {} }, roundMs: 1_000, policy: spec }
  directory.learn(host, { host, routes: [route] }, nowMs)
}

it('keeps known hosts and a bounded number of unknown ones, however many are invented', () => {
  const directory = new Directory(LIMITS)
  known(directory, 'known.localhost', 0)
  const invented = 1_000_000
  for (let i = 0; i < invented; i++) directory.learn(`h${i}.localhost`, null, 1)
  expect(directory.lookup('known.localhost', 1).kind).toBe('known')
  // The newest fill their budget, all before them are forgotten.
  const oldestKept = invented - LIMITS.unknownHosts
  expect(directory.lookup(`h${invented - 1}.localhost`, 1).kind).toBe('nobody')
  expect(directory.lookup(`h${oldestKept}.localhost`, 1).kind).toBe('nobody')
  expect(directory.lookup(`h${oldestKept - 1}.localhost`, 1).kind).toBe('miss')
  expect(directory.lookup('h0.localhost', 1).kind).toBe('miss')
})

it('believes that nobody claims a host for a while only, and uses a stale route on', () => {
  const directory = new Directory(LIMITS)
  directory.learn('x.localhost', null, 0)
  expect(directory.lookup('x.localhost', LIMITS.unknownFreshMs).kind).toBe('nobody')
  expect(directory.lookup('x.localhost', LIMITS.unknownFreshMs + 1).kind).toBe('miss')
  known(directory, 'known.localhost', 0)
  expect(directory.lookup('known.localhost', LIMITS.routeFreshMs)).toMatchObject({ stale: false })
  expect(directory.lookup('known.localhost', LIMITS.routeFreshMs + 1)).toMatchObject({ stale: true })
  expect(directory.lookup('known.localhost', LIMITS.routeStaleMs + 1).kind).toBe('miss')
  known(directory, 'moved.localhost', 0)
  directory.expire('moved.localhost')
  expect(directory.lookup('moved.localhost', 1)).toMatchObject({ kind: 'known', stale: true })
})
