import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config.ts'
import { type IsolateOptions, isolate } from '../../src/edge/middleware.ts'
import { env, manifest, nodeOf, type World, world } from './world.ts'

type App = Hono<{ Bindings: Env }>

/** An application of somebody else's with the middleware in front. */
function application(options: IsolateOptions<{ Bindings: Env }>): App {
  const app: App = new Hono()
  app.use(isolate(options))
  app.get('/hello', (c) => c.text('hello', 200, { 'X-App': '1' }))
  app.get('/cost/:tokens', (c) => c.text('done', 200, { 'Stint-Cost': c.req.param('tokens') }))
  app.get('/bytes', (c) => c.body('x'.repeat(10_240)))
  app.get('/frozen', () => fetch('data:text/plain,frozen'))
  app.get('/cookies', () => {
    const headers = new Headers({ 'Stint-Cost': '2' })
    headers.append('Set-Cookie', 'a=1')
    headers.append('Set-Cookie', 'b=2')
    return new Response('two', { headers })
  })
  app.post('/read', async (c) => c.text(String((await c.req.arrayBuffer()).byteLength)))
  return app
}

async function ask(app: App, path: string, init: RequestInit = {}, given: Env = env): Promise<Response> {
  const context = createExecutionContext()
  const response = await app.fetch(new Request(`http://app.example${path}`, init), given, context)
  const copy = new Response(await response.text(), response)
  await waitOnExecutionContext(context)
  return copy
}

async function usage(it: World) {
  return (await nodeOf(it).state()).accounts[0]!.usage
}

describe('isolate()', () => {
  it('by a function: admits, tells what is left, refuses before the handler runs', async () => {
    const it = await world(manifest(20, { a: 'base: 10, borrows: false', b: 'base: 10' }))
    let ran = 0
    const app: App = new Hono()
    app.use(isolate({ tenant: () => `a${it.name}` }))
    app.get('/', (c) => {
      ran++
      return c.text('ok')
    })
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(app, '/')))
    const admitted = answers.filter(({ status }) => status === 200)
    expect(admitted.length).toBe(ran)
    expect(admitted.length).toBeLessThan(60)
    expect(admitted[0]!.headers.get('RateLimit-Policy')).toBe('"base";q=10;w=1')
    expect(answers.find(({ status }) => status === 429)!.headers.get('Content-Type')).toBe(
      'application/problem+json',
    )
  })

  it('belongs to nobody: 404; no amount of tokens: an error of the application', async () => {
    const it = await world(manifest(20, { a: 'base: 10' }))
    for (const tenant of [undefined, 'nobody', '__proto__', 'x'.repeat(300)]) {
      expect((await ask(application({ tenant: () => tenant }), '/hello')).status).toBe(404)
    }
    const wrong = application({ tenant: () => `a${it.name}`, cost: () => -1 })
    expect((await ask(wrong, '/hello')).status).toBe(500)
  })

  it('takes the cost of a function, then the true cost of the answer', async () => {
    const it = await world(manifest(1000, { a: 'base: 1000' }))
    const app = application({
      tenant: async () => `a${it.name}`,
      cost: (c) => (c.req.path === '/hello' ? 3 : 10),
    })
    const hello = await ask(app, '/hello')
    expect([hello.headers.get('X-App'), hello.headers.has('RateLimit')]).toEqual(['1', true])
    const cost = await ask(app, '/cost/4')
    expect(cost.headers.has('Stint-Cost')).toBe(false)
    await ask(app, '/cost/25')
    const cookies = await ask(app, '/cookies')
    expect(cookies.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    await ask(app, '/hello')
    expect((await usage(it)).spent).toBeCloseTo(3 + 4 + 25 + 2 + 3, 5)
  })

  it('charges bytes both ways and leaves answers whose headers are fixed whole', async () => {
    const it = await world(
      manifest(1000, { a: 'base: 1000, cost: { perRequest: 0, perKiBIn: 1, perKiBOut: 1 }' }),
    )
    const app = application({ tenant: () => `a${it.name}` })
    expect((await (await ask(app, '/bytes')).text()).length).toBe(10_240)
    expect(await (await ask(app, '/read', { method: 'POST', body: new Uint8Array(20_480) })).text()).toBe(
      '20480',
    )
    await ask(app, '/hello')
    const { spent, bytesIn } = await usage(it)
    expect(bytesIn).toBe(20_480)
    expect(spent).toBeGreaterThanOrEqual(30)
    expect(spent).toBeLessThan(30.1)
    const plain = await world(manifest(1000, { a: 'base: 1000' }))
    const frozen = await ask(application({ tenant: () => `a${plain.name}` }), '/frozen')
    expect([await frozen.text(), frozen.headers.has('RateLimit')]).toEqual(['frozen', true])
  })

  it('settles an answer whose headers cannot be changed once, and tells what is left on it', async () => {
    const it = await world(manifest(1000, { a: 'base: 1000' }))
    const app = application({ tenant: () => `a${it.name}` })
    app.get('/object', (c) => c.env.SIGNALS.getByName('main').fetch('http://signals/none'))
    await ask(app, '/cost/25')
    // It reserves 25, the largest cost of late, and costs 1.
    const answer = await ask(app, '/object')
    expect(answer.headers.has('RateLimit')).toBe(true)
    await ask(app, '/cost/25')
    expect((await usage(it)).spent).toBeCloseTo(25 + 1 + 25, 5)
  })

  it('shows no RateLimit fields of the application beside its own, nor on answers that carry none', async () => {
    const it = await world(manifest(2000, { a: 'base: 1000', b: 'base: 1000, rateLimitFields: false' }))
    const fieldsOf = async (tenant: string) => {
      const app = application({ tenant: () => `${tenant}${it.name}` })
      app.get('/own', (c) => c.text('', 200, { RateLimit: 'own', 'RateLimit-Policy': 'own' }))
      const answers = await Promise.all([ask(app, '/own'), ask(app, '/own'), ask(app, '/own')])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      return answers.flatMap(({ headers }) => [headers.get('RateLimit'), headers.get('RateLimit-Policy')])
    }
    expect(await fieldsOf('a')).not.toContain('own')
    expect(new Set(await fieldsOf('b'))).toEqual(new Set(['own']))
  })

  it('by host name and path when no function names the tenant, with bindings elsewhere', async () => {
    const it = await world(manifest(20, { a: 'base: 10' }))
    const app: App = new Hono()
    app.use(isolate({ bindings: () => env }))
    app.get('/', (c) => c.text('ok'))
    const context = createExecutionContext()
    const asked = (host: string) => app.fetch(new Request(`http://${host}/`), {} as Env, context)
    expect((await asked(`a${it.name}.localhost`)).status).toBe(200)
    expect((await asked('nobody.localhost')).status).toBe(404)
  })
})
