import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config.ts'
import { env, manifest, nodeOf, type World, world } from './world.ts'

const service = ', origin: { service: real }'
const bound = (fetch: (request: Request) => Promise<Response>): Env =>
  ({
    ...env,
    SERVICE_REAL: { fetch: (url: string, init: RequestInit) => fetch(new Request(url, init)) },
  }) as Env

/** Answers as soon as the signal says that nobody waits any more. */
const silent = (request: Request) =>
  new Promise<Response>((_, reject) => {
    request.signal.addEventListener('abort', () => reject(new Error('aborted')))
  })

async function usage(it: World) {
  return (await nodeOf(it).state()).accounts[0]!.usage
}

describe('a service as origin', () => {
  it('gets path, query, method and body; its answer comes back whole', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, service))
    const answer = await it.askAndSettle('a', {
      path: '/x/y?z=1',
      method: 'PUT',
      body: 'hello',
      env: bound(async (request) => {
        const { pathname, search } = new URL(request.url)
        return new Response(`${request.method} ${pathname}${search} ${await request.text()}`, {
          status: 201,
          headers: { 'X-Origin': '1' },
        })
      }),
    })
    expect([answer.status, answer.headers.get('X-Origin'), await answer.text()]).toEqual([
      201,
      '1',
      'PUT /x/y?z=1 hello',
    ])
    await it.askAndSettle('a', { env: bound(async () => new Response('four')) })
    expect(await usage(it)).toMatchObject({ bytesIn: 5, bytesOut: 'PUT /x/y?z=1 hello'.length + 4 })
  })

  it('that is not bound is 502, and no other binding can be named instead', async () => {
    for (const name of ['real', 'nodes', 'coordinator']) {
      const it = await world(manifest(20, { a: 'base: 20' }, `, origin: { service: ${name} }`))
      const answer = await it.ask('a')
      expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'no-upstream' }])
    }
  })

  it('is given its time and no more: 504', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, service), { upstreamMs: 100 })
    const answer = await it.ask('a', { env: bound(silent) })
    expect([answer.status, await answer.json()]).toMatchObject([504, { code: 'upstream-timeout' }])
  })

  it('may take long for its body once it has begun', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, service), { upstreamMs: 100 })
    const answer = await it.ask('a', {
      env: bound(async () => {
        const { readable, writable } = new IdentityTransformStream()
        const writer = writable.getWriter()
        const write = async () => {
          for (let i = 0; i < 3; i++) {
            await new Promise((resolve) => setTimeout(resolve, 100))
            await writer.write(new TextEncoder().encode('x'))
          }
          await writer.close()
        }
        write().catch(() => {})
        return new Response(readable)
      }),
    })
    expect(await answer.text()).toBe('xxx')
  })

  it('never sees a body that is too long, or whose sender stops: 413, 408', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, service), { bodyBytes: 1_000, bodyIdleMs: 100 })
    const reads = bound(async (request) => new Response(await request.text()))
    const chunks = (count: number, end: boolean) => {
      let left = count
      return new ReadableStream({
        pull: (controller) => {
          if (left-- > 0) controller.enqueue(new Uint8Array(100))
          else if (end) controller.close()
          else return new Promise<void>(() => {})
          return undefined
        },
      })
    }
    const status = async (body: ReadableStream) =>
      (await it.ask('a', { method: 'POST', body, env: reads })).status
    expect(await status(chunks(10, true))).toBe(200)
    expect(await status(chunks(11, true))).toBe(413)
    expect(await status(chunks(3, false))).toBe(408)
  })

  it('does not wait for ever on a body that drips: 408', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, service), { bodyBytes: 1_000, bodyIdleMs: 100 })
    const reads = bound(async (request) => new Response(await request.text()))
    let sent = 0
    const drip = new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (++sent > 100) return controller.close()
        controller.enqueue(new Uint8Array(1))
      },
    })
    expect((await it.ask('a', { method: 'POST', body: drip, env: reads })).status).toBe(408)
    expect(sent).toBeLessThan(100)
  })
})

describe('an answer on borrowed tokens', () => {
  it('says so, which its origin cannot', async () => {
    const tenants = { lender: 'base: 99', borrower: 'base: 1', own: 'base: 10' }
    const it = await world(manifest(110, tenants, service))
    const claims = bound(async () => new Response('x', { headers: { 'Stint-Borrowed': '1' } }))
    expect((await it.ask('own', { env: claims })).headers.get('Stint-Borrowed')).toBeNull()
    const marks = []
    for (let i = 0; i < 3; i++) {
      const answer = await it.ask('borrower', { env: bound(async () => new Response('x')) })
      marks.push([answer.status, answer.headers.get('Stint-Borrowed')])
    }
    expect(marks).toContainEqual([200, '1'])
  })
})

describe('an https origin', () => {
  it('is not reached unless the operator allows it', async () => {
    const it = await world(manifest(20, { a: 'base: 20' }, ", origin: { url: 'https://127.1/' }"))
    for (const list of ['', '*', 'api.example.com', 'broken/list']) {
      const answer = await it.ask('a', { env: { ...env, STINT_ORIGINS: list } })
      expect([list, answer.status, await answer.json()]).toMatchObject([
        list,
        502,
        { code: 'origin-not-allowed' },
      ])
    }
  })
})

describe('the echo', () => {
  it('delays, fails, answers with a status, streams, tells a cost: within its bounds', async () => {
    const it = await world(manifest(1000, { a: 'base: 1000' }))
    const ask = (path: string) => it.ask('a', { path })
    expect((await ask('/?status=418')).status).toBe(418)
    expect((await ask('/?status=204')).status).toBe(204)
    expect((await ask('/?status=99')).status).toBe(200)
    expect((await ask('/?status=101')).status).toBe(200)
    expect((await ask('/?fail=1')).status).toBe(502)
    expect((await (await ask('/?bytes=200000')).arrayBuffer()).byteLength).toBe(200_000)
    expect((await (await ask('/?bytes=0')).arrayBuffer()).byteLength).toBe(0)
    expect(await (await ask('/?bytes=99999999999')).json()).toMatchObject({ path: '/' })
    const fromMs = Date.now()
    await ask('/?delayMs=120')
    expect(Date.now() - fromMs).toBeGreaterThanOrEqual(100)
  })
})

describe('a WebSocket', () => {
  it('passes its messages in order and charges their bytes both ways', async () => {
    const cost = 'cost: { perRequest: 0, perKiBIn: 1, perKiBOut: 2 }'
    const it = await world(manifest(10_000, { a: `base: 10000, ${cost}` }))
    const answer = await it.ask('a', { path: '/?socket', headers: { Upgrade: 'websocket' } })
    expect(answer.status).toBe(101)
    const socket = answer.webSocket!
    socket.accept()
    const got: string[] = []
    const whole = new Promise<void>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        got.push(data as string)
        if (got.length === 10) resolve()
      })
    })
    const sent = Array.from({ length: 10 }, (_, i) => String(i).repeat(10 * 1024))
    for (const message of sent) socket.send(message)
    await whole
    expect(got).toEqual(sent)
    socket.close(1000, 'done')
    await it.askAndSettle('a', { path: '/?status=204' })
    const used = await usage(it)
    expect([used.bytesIn, used.bytesOut, used.spent]).toEqual([102_400, 102_400, 300])
  })
})
