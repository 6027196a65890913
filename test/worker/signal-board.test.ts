import { abortAllDurableObjects } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Env } from '../../src/config.ts'

const board = (name: string) => (env as unknown as Env).SIGNALS.getByName(name)
const zone = { kind: 'zone', zone: 'west', measure: 'carbon', value: 42, validFromMs: 0, validUntilMs: 1_000 }
const post = (name: string, body: unknown) =>
  board(name).fetch('https://signals/post', { method: 'POST', body: JSON.stringify(body) })
const read = async (name: string) => await (await board(name).fetch('https://signals/read')).json()

describe('the signal board', () => {
  it('has kept what it acknowledged after a restart', async () => {
    expect(await (await post('sb-keep', [zone])).json()).toEqual({ kept: 1 })
    await abortAllDurableObjects()
    expect(await read('sb-keep')).toEqual([zone])
    await post('sb-keep', [{ ...zone, value: 43 }])
    expect(await read('sb-keep')).toEqual([{ ...zone, value: 43 }])
  })

  it('lets no other call of its library through', async () => {
    await post('sb-fence', [zone])
    const header = (content: unknown) => ({ headers: { 'do-content': JSON.stringify(content) } })
    for (const path of [
      '/do/call/destroy',
      '/do/call/reset',
      '/do/call/persist',
      '/do/call/post',
      '/do/set/signals',
      '/do/get-prop/state',
      '/do/get-prop/signals',
      '/do/call/setAlarm',
      '/',
      '/post/',
      '/%70ost',
      '//read',
    ]) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const answer = await board('sb-fence').fetch(`https://signals${path}`, {
          method,
          ...header([{ reset: true }]),
        })
        expect(answer.status, `${method} ${path}`).toBe(404)
      }
    }
    expect(await read('sb-fence')).toEqual([zone])
  })

  it('parses what it is given, whoever calls, and keeps nothing of a bad batch', async () => {
    for (const bad of [
      null,
      {},
      [],
      [7],
      [{ ...zone, extra: 1 }],
      [zone, { ...zone, zone: '..' }],
      [{ ...zone, value: null }],
      [{ ...zone, validUntilMs: 0 }],
      [{ ...zone, validUntilMs: 1e15 }],
      [{ ...zone, zone: '__proto__' }],
    ]) {
      expect((await post('sb-parse', bad)).status, JSON.stringify(bad)).toBe(400)
    }
    const raw = await board('sb-parse').fetch('https://signals/post', { method: 'POST', body: '{"a' })
    expect(raw.status).toBe(400)
    expect(await read('sb-parse')).toEqual([])
  })

  it('keeps at most as many as it may, the newest', async () => {
    const many = (from: number) => Array.from({ length: 500 }, (_, i) => ({ ...zone, zone: `z${from + i}` }))
    for (let from = 0; from <= 4_000; from += 500) await post('sb-many', many(from))
    const kept = (await read('sb-many')) as { zone: string }[]
    expect(kept).toHaveLength(4_000)
    expect(kept.at(-1)!.zone).toBe('z4499')
    expect(kept[0]!.zone).toBe('z500')
  })
})
