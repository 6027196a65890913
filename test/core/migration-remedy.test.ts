import { expect, it } from 'vitest'
import {
  type Migration,
  newPlacement,
  type Phase,
  type Placement,
  type Remedy,
  remedyOf,
} from '../../src/core/migration/index.ts'

const settled = newPlacement<string>('t', { node: 's', epoch: 1 })

/** A migration of `t` from `s` to `u` in a phase. */
function open(phase: Phase, more: Partial<Migration<string>> = {}): Placement<string> {
  const migration: Migration<string> = {
    tenant: 't',
    epoch: 2,
    source: { node: 's', epoch: 1 },
    target: 'u',
    forced: false,
    reserve: 1,
    reason: '',
    phase,
    history: [{ phase, atMs: 0 }],
    capsule: 'c',
    fenced: false,
    bury: null,
    drainDeadlineMs: null,
    lastRefusal: null,
    ...more,
  }
  return { ...settled, migration }
}

const takeover = { forced: true }
const asking = { forced: true, bury: { node: 'b', epoch: 2 } }

it.each<[string, Placement<string>, Record<string, Remedy>]>([
  ['no migration', settled, { '': 'none', s: 'takeover', u: 'none' }],
  ['passed over', { ...settled, ownerPassedOver: true }, { '': 'takeover', s: 'takeover' }],
  ['PREPARING', open('PREPARING'), { '': 'none', s: 'takeover', u: 'abort', su: 'takeover' }],
  ['HANDING_OFF', open('HANDING_OFF'), { '': 'none', s: 'takeover', u: 'abort', su: 'takeover' }],
  ['INSTALLING', open('INSTALLING'), { '': 'none', s: 'none', u: 'takeover', su: 'takeover' }],
  ['COMMITTED', open('COMMITTED'), { '': 'none', s: 'leave-behind', u: 'takeover', su: 'takeover' }],
  ['ABORTING', open('ABORTING'), { '': 'none', s: 'takeover', u: 'none', su: 'takeover' }],
  ['ABORTING, fenced', open('ABORTING', { fenced: true }), { s: 'takeover', u: 'leave-behind' }],
  ['TAKING_OVER', open('TAKING_OVER', takeover), { '': 'none', s: 'none', u: 'takeover' }],
  ['TAKING_OVER, asking b', open('TAKING_OVER', asking), { s: 'none', u: 'none', b: 'takeover' }],
  ['a takeover refused', open('ABORTING', { ...takeover, fenced: true }), { s: 'none', u: 'takeover' }],
])('%s', (_, placement, remedies) => {
  for (const [silent, remedy] of Object.entries(remedies)) {
    expect([silent, remedyOf(placement, (node) => silent.includes(node))]).toEqual([silent, remedy])
  }
})
