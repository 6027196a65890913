import { parseItem } from 'structured-headers'
import { describe, expect, it } from 'vitest'
import { TenantFields } from '../../src/edge/fields.ts'
import { Refusals } from '../../src/edge/refusals.ts'
import { manifest, world } from './world.ts'

const cost = { perRequest: 1, perKiBIn: 0, perKiBOut: 0, header: 'Stint-Cost', rules: [] }
const fields = new TenantFields({ base: 10, cost })
const textOf = (answers: Response[]) => Promise.all(answers.map((answer) => answer.text()))

describe('answers 429', () => {
  it('have a body up to the limit of a second, and are heads alone beyond it', async () => {
    const refusals = new Refusals('base', fields)
    const answers = Array.from({ length: 5 }, (_, i) => refusals.answer(300, 1_000 + i, 3))
    const bodies = await textOf(answers)
    expect(bodies.map((body) => body !== '')).toEqual([true, true, true, false, false])
    expect(JSON.parse(bodies[2]!)).toMatchObject({ status: 429, 'violated-policies': ['base'] })
    const again = [refusals.answer(300, 1_999, 3), refusals.answer(300, 2_000, 3)]
    expect((await textOf(again)).map((body) => body !== '')).toEqual([false, true])
  })

  it('say the same in their head with and without a body, but for the type of the body', () => {
    const refusals = new Refusals('base', fields)
    const [whole, bare] = [refusals.answer(1_700, 0, 1), refusals.answer(1_700, 0, 1)]
    const headOf = ({ headers }: Response) => Object.fromEntries(headers)
    expect([whole.status, bare.status]).toEqual([429, 429])
    expect(headOf(whole)).toEqual({ ...headOf(bare), 'content-type': 'application/problem+json' })
    expect(headOf(bare)).toMatchObject({ 'retry-after': '2', 'cache-control': 'no-store' })
    const [name, limit] = parseItem(headOf(bare).ratelimit!)
    expect([name, limit.get('r'), limit.get('t')]).toEqual(['base', 0, 2])
  })

  it('have bodies again when the clock was set back', async () => {
    const refusals = new Refusals('base', undefined)
    const answers = [10_000, 10_000, 5_000].map((nowMs) => refusals.answer(0, nowMs, 1))
    expect((await textOf(answers)).map((body) => body !== '')).toEqual([true, false, true])
  })

  it('are not changed for others by whoever changes one', () => {
    const refusals = new Refusals('base', fields)
    for (const bodies of [0, 10]) {
      refusals.answer(0, 0, bodies).headers.set('Retry-After', '77')
      expect(refusals.answer(0, 0, bodies).headers.get('Retry-After')).toBe('1')
    }
  })

  it('lose their bodies in a flood of one tenant, not those of its neighbour', async () => {
    const limits = { refusalBodiesPerSecond: 20 }
    const it = await world(
      manifest(20, { a: 'base: 1, borrows: false', b: 'base: 1, borrows: false' }),
      limits,
    )
    const flood = await Promise.all(Array.from({ length: 300 }, () => it.ask('a')))
    const calm = await Promise.all(Array.from({ length: 15 }, () => it.ask('b')))
    const bodies = async (answers: Response[]) =>
      (await textOf(answers.filter(({ status }) => status === 429))).filter((body) => body !== '').length
    const refused = flood.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(200)
    for (const { headers } of refused) expect(headers.get('retry-after')).toMatch(/^\d+$/)
    // The flood's answers may fall into two seconds.
    const whole = await bodies(flood)
    expect(whole).toBeGreaterThanOrEqual(20)
    expect(whole).toBeLessThanOrEqual(40)
    expect(await bodies(calm)).toBe(calm.filter(({ status }) => status === 429).length)
  })
})
