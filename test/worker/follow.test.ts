import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config.ts'
import type { CoordinatorObject } from '../../src/coordinator/coordinator-object.ts'
import type { NodeObject } from '../../src/node/node-object.ts'
import { env, type World, without, world } from './world.ts'

const KIB = 'x'.repeat(1024)
const encoder = new TextEncoder()

/** An origin that says its name; `/slow` waits to be let go, `/stream` sends what it is fed, sockets echo. */
class Origin {
  readonly go = Promise.withResolvers<void>()
  readonly body = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>()
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  async fetch(url: string, init?: RequestInit): Promise<Response> {
    const { pathname } = new URL(url)
    if (new Headers(init?.headers).get('Upgrade') === 'websocket') return this.#socket()
    if (pathname === '/slow') await this.go.promise
    if (pathname !== '/stream') return new Response(this.name)
    return new Response(new ReadableStream({ start: (controller) => this.body.resolve(controller) }))
  }

  #socket(): Response {
    const { 0: client, 1: own } = new WebSocketPair()
    own.accept()
    own.addEventListener('message', ({ data }) => own.send(`${this.name}: ${data}`))
    return new Response(null, { status: 101, webSocket: client })
  }
}

const node = (name: string, service: string) =>
  `apiVersion: stint/v1\nkind: Node\nmetadata: { name: ${name}$ }\n` +
  `spec: { capacity: 10000, zone: z$, roundMs: 200, origin: { service: ${service} } }\n`
const tenant =
  'apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: a$ }\n' +
  'spec: { base: 1000, hosts: [a$.localhost], zones: [z$], cost: { perKiBIn: 1, perKiBOut: 1 } }\n'

/** A tenant on a node whose origin is `old`, beside one whose origin is `new`. */
async function between() {
  const it = await world([node('old', 'old'), tenant].join('---\n'))
  const [old, fresh] = [new Origin('old'), new Origin('new')]
  const bound = { ...env, SERVICE_OLD: old, SERVICE_NEW: fresh } as unknown as Env
  expect(await textOf(it, bound)).toBe('old')
  await it.apply(node('new', 'new'))
  return { it, old, bound }
}

async function textOf(it: World, bound: Env): Promise<string> {
  return (await it.askAndSettle('a', { env: bound })).text()
}

async function move(it: World, to = 'new'): Promise<void> {
  const coordinator = (env.COORDINATOR as unknown as DurableObjectNamespace<CoordinatorObject>).getByName(
    'main',
  )
  const begun = await coordinator.migrate({ tenant: `a${it.name}`, to: `${to}${it.name}` })
  expect(begun.ok).toBe(true)
  const phase = async () =>
    (await coordinator.migrations({ tenant: `a${it.name}`, limit: 1 })).map((each) => each.phase)
  await expect.poll(phase, { timeout: 15_000 }).toEqual(['DONE'])
}

async function accounts(it: World, name: string) {
  const nodes = env.NODES as unknown as DurableObjectNamespace<NodeObject>
  return (await nodes.getByName(`${name}${it.name}`).state()).accounts
}

/** Waits until the edge has been told, which its next message to the node does. */
async function followed(it: World, bound: Env): Promise<void> {
  await expect.poll(() => textOf(it, bound), { timeout: 15_000 }).toBe('new')
}

describe('HTTP follows a move', { timeout: 60_000 }, () => {
  it('new requests go to the new origin and never back, the one in flight is answered by the old one', async () => {
    const { it, old, bound } = await between()
    const slow = it.askAndSettle('a', { path: '/slow', env: bound })
    await move(it)
    await followed(it, bound)
    for (let i = 0; i < 20; i++) expect(await textOf(it, bound)).toBe('new')
    old.go.resolve()
    const late = await slow
    expect([late.status, await late.text()]).toEqual([200, 'old'])
    expect(await accounts(it, 'old')).toEqual([])
  })

  it('a stream goes on to its end, and what it sends is counted where its tenant lives', async () => {
    const { it, old, bound } = await between()
    const answer = await it.ask('a', { path: '/stream', env: bound })
    const reader = answer.body!.getReader()
    const stream = await old.body.promise
    const pass = async (pieces: number) => {
      for (let i = 0; i < pieces; i++) {
        stream.enqueue(encoder.encode(KIB))
        expect((await reader.read()).value?.byteLength).toBe(1024)
      }
    }
    await pass(5)
    await move(it)
    await followed(it, bound)
    await pass(10)
    stream.close()
    expect((await reader.read()).done).toBe(true)
    const sent = async () => {
      await textOf(it, bound)
      const [account] = await accounts(it, 'new')
      return Math.floor(account!.usage.bytesOut / 1024)
    }
    await expect.poll(sent, { timeout: 15_000 }).toBe(15)
    expect(await accounts(it, 'old')).toEqual([])
  })

  it('a WebSocket stays with the old origin, and its messages are counted where its tenant lives', async () => {
    const { it, bound } = await between()
    const answer = await it.ask('a', { headers: { Upgrade: 'websocket' }, env: bound })
    const socket = answer.webSocket!
    socket.accept()
    const say = (text: string) =>
      new Promise<string>((resolve) => {
        socket.addEventListener('message', ({ data }) => resolve(data as string), { once: true })
        socket.send(text)
      })
    expect(await say('1')).toBe('old: 1')
    await move(it)
    await followed(it, bound)
    for (let i = 0; i < 10; i++) expect(await say(KIB)).toBe(`old: ${KIB}`)
    socket.close(1000, 'done')
    const counted = async () => {
      await textOf(it, bound)
      const { bytesIn, bytesOut } = (await accounts(it, 'new'))[0]!.usage
      return [bytesIn, Math.floor(bytesOut / 1024)]
    }
    await expect.poll(counted, { timeout: 15_000 }).toEqual([10 * 1024 + 1, 10])
    expect(await accounts(it, 'old')).toEqual([])
  })

  it('an edge that is six moves behind asks from home to home, also while there is no directory', async () => {
    const it = await world([node('m0', 'old'), tenant].join('---\n'))
    const bound = { ...env, SERVICE_OLD: new Origin('here') } as unknown as Env
    expect(await textOf(it, bound)).toBe('here')
    for (let i = 1; i <= 6; i++) {
      await it.apply(node(`m${i}`, 'old'))
      await move(it, `m${i}`)
    }
    const { COORDINATOR } = without('COORDINATOR')
    expect(await textOf(it, { ...bound, COORDINATOR })).toBe('here')
    expect(await accounts(it, 'm6')).toMatchObject([{ usage: { admitted: 2 } }])
  })
})
