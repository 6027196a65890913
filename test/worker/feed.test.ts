import { runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/config.ts'
import { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import { FEED_LIMITS, FEED_PROTOCOL, type FeedMessage, TICKET_PREFIX } from '../../src/core/feed.ts'
import { dashboardFetch } from '../../src/dashboard/serve.ts'
import { NodeObject } from '../../src/node/node-object.ts'
import { API, adminOf, node, ROOT, tenant } from './admin-client.ts'
import { env } from './world.ts'

const main = () => env.FEED.getByName('main')

/** Everything the feed reads is the coordinator `main`, so the names are of this file alone. */
const call = adminOf('main')

async function put(kind: string, name: string, json: object): Promise<void> {
  const headers = { 'if-none-match': '*' }
  const answer = await call(`${API}/${kind}/${name}`, { method: 'PUT', json, headers })
  expect(answer.status).toBe(200)
}

async function ticket(token = ROOT): Promise<string> {
  const answer = await call(`${API}/feed`, { method: 'POST', token })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { ticket: string }).ticket
}

function connect(pass: string, headers: Record<string, string> = {}): Promise<Response> {
  const protocols = `${FEED_PROTOCOL}, ${TICKET_PREFIX}${pass}`
  const request = new Request('https://stint.example/_stint/feed', {
    headers: { upgrade: 'websocket', 'sec-websocket-protocol': protocols, ...headers },
  })
  return dashboardFetch(request, env)
}

/** A connection that keeps what it was sent. */
async function watch(pass: string, confirms = true) {
  const answer = await connect(pass)
  expect(answer.status).toBe(101)
  expect(answer.headers.get('sec-websocket-protocol')).toBe(FEED_PROTOCOL)
  const socket = answer.webSocket!
  const seen: FeedMessage[] = []
  const closed: number[] = []
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as FeedMessage
    seen.push(message)
    if (confirms && socket.readyState === WebSocket.READY_STATE_OPEN) socket.send(String(message.seq))
  })
  socket.addEventListener('close', ({ code }) => {
    closed.push(code)
  })
  socket.accept()
  return { socket, seen, closed }
}

async function turn(): Promise<void> {
  await runDurableObjectAlarm(main())
  await new Promise((resolve) => setTimeout(resolve, 50))
}

describe('the live feed', () => {
  it('tells an operator everything first, then what changed, and a tenant only itself', async () => {
    await put('nodes', 'feed-n', node('feed-n', { capacity: 100, power: { idleWatts: 50, peakWatts: 150 } }))
    await put('tenants', 'feed-a', tenant('feed-a', { base: 10, hosts: ['feed-a.test'] }))
    await put('tenants', 'feed-b', tenant('feed-b', { base: 5, hosts: ['feed-b.test'] }))
    const made = await call(`${API}/tokens`, { method: 'POST', json: { tenant: 'feed-a' } })
    const { token } = (await made.json()) as { token: string }
    const operator = await watch(await ticket())
    const own = await watch(await ticket(token))
    await turn()
    const [first] = operator.seen
    expect(first).toMatchObject({ kind: 'feed', whole: true, seq: 1 })
    expect(first!.nodes.map(({ name }) => name)).toContain('feed-n')
    expect(first!.tenants.map(({ name }) => name)).toEqual(expect.arrayContaining(['feed-a', 'feed-b']))
    expect(first!.events.length).toBeGreaterThan(2)
    expect(own.seen.length).toBeGreaterThan(0)
    for (const message of own.seen) {
      expect(message.nodes).toEqual([])
      expect(JSON.stringify(message)).not.toMatch(/feed-b|root/)
    }
    expect(own.seen.flatMap(({ tenants }) => tenants.map(({ name }) => name))).toContain('feed-a')
    const before = operator.seen.length
    await put('tenants', 'feed-c', tenant('feed-c', { base: 1, hosts: ['feed-c.test'] }))
    const later = () => operator.seen.slice(before)
    const named = () => later().flatMap(({ tenants }) => tenants.map(({ name }) => name))
    await expect.poll(named, { timeout: 5_000 }).toContain('feed-c')
    expect(later().every(({ whole }) => !whole)).toBe(true)
    operator.socket.close()
    own.socket.close()
  })

  it('sends nothing more to one who confirms nothing, and closes on what is no confirmation', async () => {
    const silent = await watch(await ticket(), false)
    for (let i = 0; i < FEED_LIMITS.unconfirmed + 4; i++) await turn()
    expect(silent.seen.length).toBe(FEED_LIMITS.unconfirmed)
    silent.socket.send(String(silent.seen.at(-1)!.seq))
    await turn()
    await turn()
    // What it missed is made good by everything at once.
    expect(silent.seen.at(FEED_LIMITS.unconfirmed)?.whole).toBe(true)
    silent.socket.send('999999')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(silent.closed).toEqual([1_008])
  })

  it('lets nobody in without a ticket, with one twice, or from another site', async () => {
    const once = await ticket()
    const { socket } = await watch(once)
    socket.close()
    const again = await connect(once)
    const wrong = await connect('0'.repeat(48))
    const foreign = await connect(await ticket(), { origin: 'https://evil.example' })
    const unasked = await dashboardFetch(new Request('https://stint.example/_stint/feed'), env)
    expect([again.status, wrong.status, foreign.status, unasked.status]).toEqual([401, 401, 403, 426])
    expect((await call(`${API}/feed`, { method: 'POST', token: 'wrong' })).status).toBe(401)
    const crossed = await call(`${API}/feed`, { method: 'POST', headers: { origin: 'https://evil.example' } })
    expect(crossed.status).toBe(403)
  })

  it('has a place for so many of one tenant, and gives it back', async () => {
    await put('tenants', 'feed-d', tenant('feed-d', { base: 1, hosts: ['feed-d.test'] }))
    const made = await call(`${API}/tokens`, { method: 'POST', json: { tenant: 'feed-d' } })
    const { token } = (await made.json()) as { token: string }
    const open = []
    for (let i = 0; i < FEED_LIMITS.viewersPerTenant; i++) open.push(await watch(await ticket(token)))
    expect((await connect(await ticket(token))).status).toBe(503)
    open[0]!.socket.close()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const next = await watch(await ticket(token))
    for (const { socket } of [...open.slice(1), next]) socket.close()
  })
})

describe('what watching costs', () => {
  it('is at most one message a second to the coordinator, and to each node, however many watch', async () => {
    await put('nodes', 'feed-cost', node('feed-cost', { capacity: 10 }))
    const told = vi.spyOn(CoordinatorObject.prototype, 'overview')
    const looked = vi.spyOn(NodeObject.prototype, 'state')
    const open = await Promise.all(Array.from({ length: 20 }, async () => watch(await ticket())))
    told.mockClear()
    looked.mockClear()
    const beganMs = Date.now()
    // The alarm itself sets the pace here, and scrapes come on top.
    while (told.mock.calls.length < 4) {
      await main().snapshot()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const most = Math.ceil((Date.now() - beganMs) / FEED_LIMITS.everyMs) + 1
    // Asked at the end: the look that was shared at the beginning may be older than the newest node.
    const nodes = (await main().snapshot()).nodes.length
    expect(told.mock.calls.length).toBeLessThanOrEqual(most)
    expect(looked.mock.calls.length).toBeGreaterThan(0)
    expect(looked.mock.calls.length).toBeLessThanOrEqual(most * nodes)
    for (const { socket, seen } of open) {
      expect(seen.length).toBeGreaterThan(1)
      socket.close()
    }
  })
})

describe('the page', () => {
  it('is served under a policy without inline script, and its files with their types', async () => {
    const page = await dashboardFetch(new Request('https://stint.example/_stint/'), env)
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    const html = await page.text()
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|<style/)
    for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const file = await dashboardFetch(new Request(`https://stint.example${path}`), env)
      expect(file.status, path).toBe(200)
      const tag = { headers: { 'if-none-match': file.headers.get('etag')! } }
      expect(
        (await dashboardFetch(new Request(file.url || `https://stint.example${path}`, tag), env)).status,
      ).toBe(304)
    }
    for (const path of ['/_stint/nothing', '/_stint/__proto__', '/_stint/constructor']) {
      expect((await dashboardFetch(new Request(`https://stint.example${path}`), env)).status).toBe(404)
    }
  })
})

describe('traffic of the demo', () => {
  it('is not there unless this is the demo', async () => {
    const json = { tenant: 'feed-a', requests: 1 }
    for (const settings of [{}, { STINT_DEMO: '0' }] satisfies Partial<Env>[]) {
      const closed = adminOf('main', { STINT_ADMIN_TOKEN: ROOT, ...settings })
      expect((await closed(`${API}/demo/load`, { method: 'POST', json })).status).toBe(404)
    }
  })
})
