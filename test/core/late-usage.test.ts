import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inheritFrom, presumeRowSpent } from '../../src/core/late-usage.ts'
import { NodeLife } from '../../src/core/node-life.ts'
import { account, Edge, lifeOf, MICRO, MOST, ROUND_MS, usageOf } from './late-edge.ts'

/** Time passes until every trace of a session that is over is gone. */
function forgotten(life: NodeLife): { nowMs: number } {
  let nowMs = 0
  const desk = life.sessions.desk('t')!
  while (desk.sessions.size + desk.lapsed.size > 0) {
    nowMs += ROUND_MS
    life.flush(nowMs)
  }
  return { nowMs }
}

/** What became of one edge: what it had used at each stage, and whether it said so. */
const story = fc.record({
  device: fc.constantFrom(undefined, 'api'),
  knownToCheckpoint: fc.boolean(),
  used: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }),
  said: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
})

describe('usage after a forced takeover', () => {
  it('counts each token once, whoever says it, in whatever order, however often', () => {
    fc.assert(
      fc.property(
        fc.array(story, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (stories, handedInBeforeReports) => {
          const source = lifeOf('s')
          source.open(account(1))
          const edges = stories.map(({ device }, i) => new Edge(`e${i}`, device))
          const stage = (at: number, life: NodeLife, filter = (_: number) => true) => {
            for (const [i, edge] of edges.entries()) {
              if (!filter(i)) continue
              if (edge.session === '') edge.begin(life)
              edge.used += stories[i]!.used[at] ?? 0
              if (stories[i]!.said[at]) edge.report(life)
            }
          }
          stage(0, source, (i) => stories[i]!.knownToCheckpoint)
          const checkpoint = source.sessions.row('t')!
          const told = { node: 's', life: 1, opened: source.sessions.opened }
          stage(1, source)
          const last = source.close('t')!.row

          const from = inheritFrom(checkpoint, [told])
          const heir = lifeOf('h')
          heir.install(account(2), presumeRowSpent(from), 0)
          const handIn = () => heir.sessions.settle({ id: 't:2:s', node: 's', from, to: last }, 0)
          if (handedInBeforeReports) handIn()
          stage(2, heir)
          handIn()
          // A restart in between keeps all of it.
          const stored = {
            node: heir.flush(0).node,
            tenants: [{ account: account(2), row: heir.sessions.row('t')! }],
          }
          const again = new NodeLife({ node: 'h', stored, nowMs: 0 })
          again.sessions.settle({ id: 't:2:s', node: 's', from, to: last }, 0)
          for (const edge of edges) edge.report(again)
          for (const edge of edges) edge.report(again)

          const used = edges.reduce((sum, edge) => sum + edge.used, 0)
          const granted = edges.reduce((sum, edge) => sum + edge.granted, 0)
          expect(usageOf(again)).toEqual({
            admitted: used,
            spent: used,
            presumed: granted - used,
          })
        },
      ),
      { numRuns: 300 },
    )
  })

  it('keeps what an heir knows of inherited sessions until they are handed in, and no longer', () => {
    const source = lifeOf('s')
    source.open(account(1))
    const edge = new Edge('e', undefined)
    edge.begin(source)
    const from = source.sessions.row('t')!
    edge.used = 4
    edge.report(source)
    const to = source.close('t')!.row
    const heir = lifeOf('h')
    heir.install(account(2), presumeRowSpent(from), 0)
    edge.report(heir)
    for (let nowMs = 0; nowMs <= 1_000_000; nowMs += ROUND_MS) heir.flush(nowMs)
    heir.sessions.settle({ id: 't:2:s', node: 's', from, to }, 1_000_000)
    expect(usageOf(heir)).toEqual({ admitted: 4, spent: 4, presumed: MOST - 4 })
    for (let nowMs = 1_000_000; nowMs <= 1_400_000; nowMs += ROUND_MS) heir.flush(nowMs)
    expect(heir.sessions.desk('t')!.lapsed.size).toBe(0)
  })

  it('adds what the passed-over node handed out once, however often it is said, also after a restart', () => {
    const source = lifeOf('s')
    source.open(account(1))
    const from = source.sessions.row('t')!
    new Edge('e', undefined).begin(source)
    const to = source.close('t')!.row
    const heir = lifeOf('h')
    heir.install(account(2), presumeRowSpent(from), 0)
    const handedIn = { id: 't:2:s', node: 's', from, to }
    heir.sessions.settle(handedIn, 0)
    heir.sessions.settle(handedIn, 0)
    const tenants = [{ account: account(2), row: heir.sessions.row('t')! }]
    const again = new NodeLife({ node: 'h', stored: { node: heir.flush(0).node, tenants }, nowMs: 0 })
    again.sessions.settle(handedIn, 0)
    expect(to.spentTotal).toBe(MOST * MICRO)
    expect(again.sessions.row('t')!.spentTotal).toBe(to.spentTotal)
  })

  it('counts a session that the passed-over node had forgotten itself, also after that has handed in', () => {
    const first = lifeOf('s')
    first.open(account(1))
    const { node, tenants } = first.flush(0)
    const from = inheritFrom(first.sessions.row('t')!, [
      { node: 's', life: 1, opened: first.sessions.opened },
    ])
    const edge = new Edge('e', undefined)
    edge.begin(first)
    edge.used = 4
    // It starts anew without the session, which was never written, and hands in what it has.
    const second = new NodeLife({ node: 's', stored: { node, tenants }, nowMs: 0 })
    const to = second.close('t')!.row
    const heir = lifeOf('h')
    heir.install(account(2), presumeRowSpent(from), 0)
    heir.sessions.settle({ id: 't:2:s', node: 's', from, to }, 0)
    edge.report(heir)
    edge.report(heir)
    expect(usageOf(heir)).toEqual({ admitted: 4, spent: 4, presumed: 0 })
  })

  describe('of a node that is home again before what it handed in is booked', () => {
    /** The node knows the session of `edge`, is passed over from a state that does not, and gets the tenant back. */
    function homeAgain(edge: Edge) {
      const first = lifeOf('s')
      first.open(account(1))
      const from = inheritFrom(first.sessions.row('t')!, [{ node: 's', life: 1, opened: 0 }])
      edge.begin(first)
      const to = first.close('t')!.row
      const heir = lifeOf('h')
      heir.install(account(2), presumeRowSpent(from), 0)
      const { node } = first.flush(0)
      const home = new NodeLife({ node: 's', stored: { node, tenants: [] }, nowMs: 0 })
      home.install(account(3), heir.close('t')!.row, 0)
      return { home, handedIn: { id: 't:2:s', node: 's', from, to } }
    }

    it('counts a session that is in neither account once, whether it is booked before or after', () => {
      for (const bookedFirst of [false, true]) {
        const edge = new Edge('e', undefined)
        const { home, handedIn } = homeAgain(edge)
        edge.used = 4
        if (bookedFirst) home.sessions.settle(handedIn, 0)
        edge.report(home)
        home.sessions.settle(handedIn, 0)
        expect(usageOf(home)).toEqual({ admitted: 4, spent: 4, presumed: edge.granted - 4 })
      }
    })

    it('books none from zero that it has opened since', () => {
      const { home } = homeAgain(new Edge('e', undefined))
      const later = new Edge('f', undefined)
      later.begin(home)
      later.used = 4
      later.report(home)
      const { nowMs } = forgotten(home)
      expect(usageOf(home)).toMatchObject({ admitted: 4, spent: 4 })
      later.report(home, nowMs)
      expect(usageOf(home)).toMatchObject({ admitted: 4, spent: 4 })
    })

    it('is passed over again: what it opens then is booked from zero until that is handed in too', () => {
      const { home, handedIn } = homeAgain(new Edge('e', undefined))
      const from = inheritFrom(home.sessions.row('t')!, [
        { node: 's', life: home.epoch, opened: home.sessions.opened },
      ])
      const later = new Edge('f', undefined)
      later.begin(home)
      later.used = 4
      const heir = lifeOf('h')
      heir.install(account(4), presumeRowSpent(from), 0)
      heir.sessions.settle(handedIn, 0)
      later.report(heir)
      expect(usageOf(heir)).toMatchObject({ admitted: 4, spent: 4 })
      const again = { id: 't:4:s', node: 's', from, to: home.close('t')!.row }
      heir.sessions.settle(again, 0)
      expect(heir.sessions.row('t')!.inherited).toBeUndefined()
      expect(usageOf(heir)).toMatchObject({ admitted: 4, spent: 4 })
    })
  })
})
