import { describe, expect, it } from 'vitest'
import { inheritFrom, presumeRowSpent } from '../../src/core/late-usage.ts'
import { NodeLife } from '../../src/core/node-life.ts'
import { KEEP_LAPSED_MS } from '../../src/core/session.ts'
import { account, Edge, lifeOf, ROUND_MS, usageOf } from './late-edge.ts'

/** Time passes at a node. @returns when it is then */
function pass(life: NodeLife, ms: number): number {
  for (let nowMs = ROUND_MS; nowMs <= ms; nowMs += ROUND_MS) life.flush(nowMs)
  return ms
}

/** An edge that has used and reported so many tokens on `s` in a session that was opened after the last checkpoint. */
function used(tokens: number) {
  const source = lifeOf('s')
  source.open(account(1))
  const from = inheritFrom(source.sessions.row('t')!, [{ node: 's', life: 1, opened: 0 }])
  const edge = new Edge('e', undefined)
  edge.begin(source)
  edge.used = tokens
  edge.report(source)
  return { edge, from, last: source.close('t')!.row }
}

describe('a session that an account does not know', () => {
  /** What `edge` reports is booked, its answer is lost, and long after it is said again. */
  function saidTwice(edge: Edge, life: NodeLife) {
    edge.report(life)
    const first = usageOf(life).spent
    edge.report(life, pass(life, 2 * KEEP_LAPSED_MS))
    return { first, inTheEnd: usageOf(life).spent }
  }

  it('counts no session again that was forgotten before the node was passed over', () => {
    const { edge, last } = used(4)
    const heir = lifeOf('h')
    heir.install(account(2), { ...last, desk: { ...last.desk, sessions: [] } }, 0)
    // The tenant lived on `s` before; of what it may have opened since nothing is known.
    const from = inheritFrom(heir.close('t')!.row, [{ node: 's', life: 0, opened: 0 }])
    const next = lifeOf('i')
    next.install(account(3), presumeRowSpent(from), 0)
    edge.report(next, pass(next, 2 * KEEP_LAPSED_MS))
    expect(usageOf(next)).toMatchObject({ admitted: 4, spent: 4 })
  })

  it('counts no session again whose trace another node has handed in, and that is forgotten since', () => {
    const { edge, from } = used(4)
    const heir = lifeOf('h')
    heir.install(account(2), presumeRowSpent(from), 0)
    const told = { node: 'h', life: 1, opened: heir.sessions.opened }
    const second = inheritFrom(heir.sessions.row('t')!, [told])
    edge.report(heir)
    const next = lifeOf('i')
    next.install(account(3), presumeRowSpent(second), 0)
    next.sessions.settle({ id: 't:3:h', node: 'h', from: second, to: heir.close('t')!.row }, 0)
    expect(saidTwice(edge, next)).toEqual({ first: 4, inTheEnd: 4 })
  })

  it('still counts once what that node hands in after all, and no more what edges alone say so late', () => {
    const { edge, from, last } = used(4)
    const heir = lifeOf('h')
    heir.install(account(2), presumeRowSpent(from), 0)
    expect(saidTwice(edge, heir)).toEqual({ first: 4, inTheEnd: 4 })
    const { edge: late, from: its } = used(3)
    const other = lifeOf('h')
    other.install(account(2), presumeRowSpent(its), 0)
    late.report(other, pass(other, 2 * KEEP_LAPSED_MS))
    expect(usageOf(other).spent).toBe(0)
    heir.sessions.settle({ id: 't:2:s', node: 's', from, to: last }, 4 * KEEP_LAPSED_MS)
    expect(usageOf(heir)).toEqual({ admitted: 4, spent: 4, presumed: edge.granted - 4 })
  })

  it('counts no session of an earlier life again, there, where the tenant moves or in the life after', () => {
    const first = lifeOf('s')
    first.open(account(1))
    const stored = { account: account(1), row: first.sessions.row('t')! }
    const { node } = first.flush(0)
    const edge = new Edge('e', undefined)
    edge.begin(first)
    edge.used = 4
    const again = () => new NodeLife({ node: 's', stored: { node, tenants: [stored] }, nowMs: 0 })
    const target = lifeOf('h')
    target.install(account(2), again().close('t')!.row, 0)
    expect(saidTwice(edge, target)).toEqual({ first: 4, inTheEnd: 4 })
    const second = again()
    expect(saidTwice(edge, second)).toEqual({ first: 4, inTheEnd: 4 })
    const left = { account: account(1), row: second.sessions.row('t')! }
    const third = new NodeLife({
      node: 's',
      stored: { node: second.flush(2 * KEEP_LAPSED_MS).node, tenants: [left] },
      nowMs: 0,
    })
    edge.report(third)
    expect(usageOf(third)).toMatchObject({ admitted: 4, spent: 4 })
  })
})
