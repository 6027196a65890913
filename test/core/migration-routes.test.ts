import { describe, expect, it } from 'vitest'
import { type LeaseAsk, routeLease, type TenantRow } from '../../src/core/migration/index.ts'

interface Capsule {
  readonly balance: number
  readonly usage: number
}

type Row = TenantRow<Capsule> | null

const capsule: Capsule = { balance: 7, usage: 3 }
const source = { node: 'a', epoch: 4 }
const install = { kind: 'install', tenant: 't', epoch: 5, capsule } as const
const pull = { kind: 'pull', tenant: 't', epoch: 5 } as const

const active = (epoch: number): Row => ({ role: 'active', epoch, origin: 'installed', fencedEpoch: 0 })
const staged: Row = { role: 'staged', epoch: 5, source, reserve: 10 }
const forwarding: Row = { role: 'forwarding', epoch: 4, target: { node: 'b', epoch: 5 }, capsule }
const retired: Row = { role: 'retired', epoch: 6, home: { node: 'c', epoch: 6 }, capsule }
const tombstone: Row = { role: 'gone', epoch: 5, home: source, keepUntilMs: 1_100 }

describe('a lease message', () => {
  const route = (row: Row, epoch: number, more: Partial<LeaseAsk> = {}, mayServe = true, drained = false) =>
    routeLease(row, { tenant: 't', epoch, forwarded: false, ...more }, { node: 'n', mayServe, drained })

  it.each([
    ['nothing', null, 4, { kind: 'unknown' }],
    ['active, same epoch', active(4), 4, { kind: 'serve', moved: null }],
    ['active, an edge that knows less', active(5), 4, { kind: 'serve', moved: { node: 'n', epoch: 5 } }],
    ['active, an edge that knows more', active(4), 5, { kind: 'unknown' }],
    ['staged', staged, 4, { kind: 'hold', from: 'a', pull, otherwise: source }],
    ['staged, an edge that knows more', staged, 6, { kind: 'unknown' }],
    ['forwarding', forwarding, 4, { kind: 'forward', to: 'b', install }],
    ['forwarding, an edge that knows more', forwarding, 6, { kind: 'unknown' }],
    ['gone', tombstone, 4, { kind: 'moved', home: source }],
    ['gone, an edge that knows more', tombstone, 5, { kind: 'unknown' }],
    ['retired', retired, 4, { kind: 'moved', home: { node: 'c', epoch: 6 } }],
    ['retired, home unknown', { ...retired, home: null } as Row, 4, { kind: 'unknown' }],
  ] as const)('at %s', (_, row, epoch, expected) => {
    expect(route(row, epoch)).toEqual(expected)
  })

  it('is passed on once, and only until the drain is over', () => {
    const moved = { kind: 'moved', home: { node: 'b', epoch: 5 } }
    expect(route(forwarding, 4, { forwarded: true })).toEqual(moved)
    expect(route(forwarding, 4, {}, true, true)).toEqual(moved)
  })

  it('waits at an owner whose lease to serve has lapsed', () => {
    expect(route(active(4), 4, {}, false)).toEqual({ kind: 'wait' })
  })
})
