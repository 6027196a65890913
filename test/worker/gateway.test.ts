import { env as bindings } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config.ts'
import type { Route } from '../../src/core/control.ts'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import type { LeaseRequest } from '../../src/core/messages.ts'
import { env, manifest, nodeOf, without, world } from './world.ts'

const statuses = async (answers: Promise<Response>[]) => {
  const counts: Record<number, number> = {}
  for (const answer of await Promise.all(answers)) counts[answer.status] = (counts[answer.status] ?? 0) + 1
  return counts
}

const parseNode = (capacity: number) =>
  nodeSchema.parse({ apiVersion: 'stint/v1', kind: 'Node', metadata: { name: 'n' }, spec: { capacity } })

describe('admission', () => {
  it('admits a tenant inside its base and lends it what others leave idle', async () => {
    const it = await world(manifest(40, { a: 'base: 10', b: 'base: 30' }))
    const answers = await Promise.all(Array.from({ length: 30 }, () => it.ask('a')))
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(answers.filter(({ headers }) => headers.get('stint-borrowed') === '1').length).toBeGreaterThan(0)
    expect(await answers[0]!.json()).toMatchObject({ tenant: `a${it.name}`, node: it.node, path: '/' })
  })

  it('refuses beyond what is there: 429, problem+json, Retry-After, no-store', async () => {
    const it = await world(manifest(20, { a: 'base: 10, borrows: false', b: 'base: 10' }))
    const answers = await Promise.all(Array.from({ length: 200 }, () => it.ask('a')))
    const refused = answers.filter(({ status }) => status === 429)
    // Ten of this round, and of the next at most a few more while the burst is answered.
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(10)
    expect(refused.length).toBeGreaterThan(100)
    const [answer] = refused
    expect(Number(answer!.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(answer!.headers.get('content-type')).toBe('application/problem+json')
    expect(answer!.headers.get('cache-control')).toBe('no-store')
    expect(await answer!.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      'violated-policies': ['base'],
    })
  })

  it('asks the node once for the first request of an isolate', async () => {
    const it = await world(manifest(20, { a: 'base: 10' }))
    let messages = 0
    const get = (id: DurableObjectId) => {
      const node = env.NODES.get(id)
      return {
        lease: (message: LeaseRequest) => {
          messages++
          return node.lease(message)
        },
      }
    }
    const NODES = { idFromName: (name: string) => env.NODES.idFromName(name), get } as unknown as Env['NODES']
    expect((await it.ask('a', { env: { ...env, NODES } })).status).toBe(200)
    expect(messages).toBe(1)
  })

  it('keeps a neighbour inside its base whole beside a flood', async () => {
    const it = await world(manifest(40, { flood: 'base: 20', calm: 'base: 20' }))
    const flood = Array.from({ length: 400 }, () => it.ask('flood'))
    const calm = Array.from({ length: 10 }, () => it.ask('calm'))
    expect(await statuses(calm)).toEqual({ 200: 10 })
    expect((await statuses(flood))[429]).toBeGreaterThan(200)
  })

  it('waits up to the tenant’s maximum instead of refusing', async () => {
    const it = await world(manifest(20, { a: 'base: 20, maxWaitMs: 5000', b: 'base: 0' }))
    expect(await statuses(Array.from({ length: 50 }, () => it.ask('a')))).toEqual({ 200: 50 })
  })

  it('reports to the node what it admitted and refused, each exactly once', async () => {
    const it = await world(manifest(20, { a: 'base: 10, borrows: false', b: 'base: 10' }))
    const seen = await statuses(Array.from({ length: 60 }, () => it.askAndSettle('a')))
    await it.askAndSettle('a')
    const state = await nodeOf(it).state()
    const usage = state.accounts.find(({ tenant }) => tenant === `a${it.name}`)!.usage
    expect(usage.admitted + usage.refused).toBeGreaterThanOrEqual(60)
    expect(usage.admitted).toBeGreaterThanOrEqual(seen[200]!)
    expect(usage.admitted - seen[200]! + (usage.refused - (seen[429] ?? 0))).toBeLessThanOrEqual(1)
  })
})

describe('the directory', () => {
  it('answers 404 for a host nobody claims and asks the coordinator once', async () => {
    const it = await world(manifest(20, { a: 'base: 10' }))
    let asked = 0
    const counting = counted(() => asked++)
    for (let i = 0; i < 5; i++) expect((await it.ask('nobody', { env: counting })).status).toBe(404)
    expect(asked).toBe(1)
    expect(await (await it.ask('nobody')).json()).toMatchObject({ code: 'no-such-tenant' })
  })

  it('bounds the memory of invented hosts and never evicts a tenant for them', async () => {
    const it = await world(manifest(20, { a: 'base: 10' }), { unknownHosts: 10, knownHosts: 10 })
    let asked = 0
    const counting = counted(() => asked++)
    expect((await it.ask('a', { env: counting })).status).toBe(200)
    for (let i = 0; i < 100; i++) expect((await it.ask(`invented${i}`, { env: counting })).status).toBe(404)
    expect(asked).toBe(101)
    for (let i = 90; i < 100; i++) await it.ask(`invented${i}`, { env: counting })
    expect(asked).toBe(101)
    await it.ask('invented0', { env: counting })
    expect(asked).toBe(102)
    expect((await it.ask('a', { env: without('COORDINATOR') })).status).toBe(200)
  })

  it('asks for a few invented hosts a second and no more, and for tenants all the same later', async () => {
    const it = await world(manifest(20, { a: 'base: 10', b: 'base: 10' }), { unknownPerSecond: 10 })
    let asked = 0
    const counting = counted(() => asked++)
    expect((await it.ask('a', { env: counting })).status).toBe(200)
    const seen: number[] = []
    for (let i = 0; i < 300; i++) seen.push((await it.ask(`invented${i}`, { env: counting })).status)
    expect(seen.slice(0, 40)).toEqual(Array(40).fill(404))
    expect(asked).toBeLessThan(100)
    expect(seen.filter((status) => status === 503).length).toBeGreaterThan(200)
    expect((await it.ask('a', { env: counting })).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect((await it.ask('b', { env: counting })).status).toBe(200)
  })

  it('serves known hosts without the coordinator, and answers 503 for unknown ones', async () => {
    const it = await world(manifest(20, { a: 'base: 10', b: 'base: 10' }))
    expect((await it.ask('a')).status).toBe(200)
    const gone = without('COORDINATOR')
    expect((await it.ask('a', { env: gone })).status).toBe(200)
    const answer = await it.ask('b', { env: gone })
    expect([answer.status, await answer.json()]).toMatchObject([503, { code: 'no-directory' }])
  })
})

describe('when the node does not answer', () => {
  const gone = without('NODES')

  it('guarantee: the base rate goes on, the rest is refused with 503', async () => {
    const it = await world(manifest(20, { a: 'base: 10', b: 'base: 10' }))
    const seen = await statuses(Array.from({ length: 50 }, () => it.ask('a', { env: gone })))
    expect(seen[200]).toBeGreaterThanOrEqual(10)
    expect(seen[200]).toBeLessThan(20)
    expect(seen[503]).toBe(50 - seen[200]!)
  })

  it('open: everything is admitted', async () => {
    const it = await world(manifest(20, { a: 'base: 10, whenUnreachable: open' }))
    expect(await statuses(Array.from({ length: 50 }, () => it.ask('a', { env: gone })))).toEqual({ 200: 50 })
  })

  it('closed: everything is refused with 503, a code and Retry-After', async () => {
    const it = await world(manifest(20, { a: 'base: 10, whenUnreachable: closed' }))
    const answer = await it.ask('a', { env: gone })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.json()).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      code: 'node-unreachable',
    })
  })

  it('counts what it admitted meanwhile, and comes back when the node does', async () => {
    const it = await world(manifest(20, { a: 'base: 10, whenUnreachable: open' }))
    for (let i = 0; i < 5; i++) await it.ask('a', { env: gone })
    await new Promise((resolve) => setTimeout(resolve, 1_000)) // back-offs of 100, 200 and 400 ms are over
    await it.askAndSettle('a') // asks the node again, and is itself the sixth
    await it.askAndSettle('a')
    const state = await nodeOf(it).state()
    expect(state.accounts[0]!.usage).toMatchObject({ unreachable: 6 })
  })
})

it('follows a tenant that moved to another node, unseen by the client', async () => {
  const it = await world(
    `apiVersion: stint/v1\nkind: Node\nmetadata: { name: m$ }\nspec: { capacity: 20 }\n---\n${manifest(20, { a: 'base: 10' })}`,
  )
  expect(await (await it.askAndSettle('a')).json()).toMatchObject({ node: it.node })
  const tenant = `a${it.name}`
  const home = (await env.COORDINATOR.getByName('main').resolveTenant(tenant))!
  const moved: Route = { ...home, node: `m${it.name}`, epoch: home.epoch + 1 }
  const { spec } = parseNode(20)
  const told = { generation: 1_000, spec }
  await nodeOf(it).configure({ ...told, node: it.node, tenants: [] })
  await env.NODES.getByName(moved.node!).configure({
    ...told,
    node: moved.node!,
    tenants: [{ tenant, epoch: moved.epoch, spec: home.policy }],
  })
  const coordinator = {
    resolveHost: async (host: string) => ({ host, routes: [moved] }),
    resolveTenant: async () => moved,
  }
  const after = { ...env, COORDINATOR: { idFromName: () => '', get: () => coordinator } } as unknown as Env
  const seen: string[] = []
  // A lease that still lives is used up first; nothing of the move may show.
  for (let i = 0; i < 15; i++) {
    const answer = await it.ask('a', { env: after })
    expect(answer.status).toBe(200)
    seen.push((await answer.json<{ node: string }>()).node)
  }
  expect(seen.at(-1)).toBe(moved.node)
})

/** The real environment; `ask` is called whenever the coordinator is asked for a host. */
function counted(ask: () => void): Env {
  const { COORDINATOR } = bindings as unknown as Env
  const get: Env['COORDINATOR']['get'] = (id) => {
    const stub = COORDINATOR.get(id)
    return new Proxy(stub, {
      get(target, name) {
        if (name === 'resolveHost') ask()
        return Reflect.get(target, name)
      },
    })
  }
  return { ...env, COORDINATOR: { idFromName: (name: string) => COORDINATOR.idFromName(name), get } } as Env
}
