import { describe, expect, it } from 'vitest'
import {
  type NodeFacts,
  type NodeMessage,
  type NodeStep,
  onNodeMessage,
  sweep,
  type TenantRow,
} from '../../src/core/migration/index.ts'

interface Capsule {
  readonly balance: number
  readonly usage: number
}

type Row = TenantRow<Capsule> | null

const capsule: Capsule = { balance: 7, usage: 3 }
const source = { node: 'a', epoch: 4 }
const prepare = { kind: 'prepare', tenant: 't', epoch: 5, source, reserve: 10 } as const
const handoff = { kind: 'handoff', tenant: 't', epoch: 5, fromEpoch: 4, target: 'b' } as const
const install = { kind: 'install', tenant: 't', epoch: 5, capsule } as const
const pull = { kind: 'pull', tenant: 't', epoch: 5 } as const
const release = { kind: 'release', tenant: 't', epoch: 5, hurry: false } as const
const abortSource = { kind: 'abort', tenant: 't', epoch: 5, side: 'source' } as const
const abortTarget = { kind: 'abort', tenant: 't', epoch: 5, side: 'target' } as const
const takeover = { kind: 'takeover', tenant: 't', epoch: 6, reserve: 10, capsule } as const
const retire = { kind: 'retire', tenant: 't', epoch: 6, home: { node: 'c', epoch: 6 } } as const

const active = (epoch: number, fencedEpoch = 0): Row => ({
  role: 'active',
  epoch,
  origin: 'installed',
  fencedEpoch,
})
const staged: Row = { role: 'staged', epoch: 5, source, reserve: 10 }
const forwarding: Row = { role: 'forwarding', epoch: 4, target: { node: 'b', epoch: 5 }, capsule }
const retired: Row = { role: 'retired', epoch: 6, home: { node: 'c', epoch: 6 }, capsule }
const tombstone = (epoch: number): Row => ({ role: 'gone', epoch, home: source, keepUntilMs: 1_100 })

function at(row: Row, message: NodeMessage<Capsule>, facts: Partial<NodeFacts<Capsule>> = {}) {
  const all: NodeFacts<Capsule> = {
    node: 'n',
    nowMs: 100,
    tombstoneTtlMs: 1_000,
    hasRoom: () => true,
    freeze: () => capsule,
    drained: true,
    ...facts,
  }
  return onNodeMessage(row, message, all)
}

/** What a step did, in one line. */
function outcome(step: NodeStep<Capsule>): string {
  const { answer } = step
  const detail = answer.kind === 'refused' ? ` ${answer.refusal.code}` : ''
  return `${answer.kind}${detail} ${step.row?.role ?? 'nothing'} ${step.account?.kind ?? '-'}`
}

const rows: Record<string, Row> = {
  nothing: null,
  staged,
  'staged 4': { role: 'staged', epoch: 4, source, reserve: 10 },
  'active 4': active(4),
  'active 4 fenced 5': active(4, 5),
  'active 5': active(5),
  forwarding,
  retired,
  'gone 4': tombstone(4),
  'gone 5': tombstone(5),
}

/** Every message at every row: answer, row afterwards, change of the ledger. */
const table: Record<string, { message: NodeMessage<Capsule>; outcomes: Record<string, string> }> = {
  prepare: {
    message: prepare,
    outcomes: {
      nothing: 'ready staged -',
      staged: 'ready staged -',
      'staged 4': 'ready staged -',
      'active 4': 'refused occupied active -',
      'active 4 fenced 5': 'refused stale-epoch active -',
      'active 5': 'installed active -',
      forwarding: 'refused stale-epoch forwarding -',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'ready staged -',
      'gone 5': 'refused stale-epoch gone -',
    },
  },
  handoff: {
    message: handoff,
    outcomes: {
      nothing: 'refused unknown-tenant nothing -',
      staged: 'refused stale-epoch staged -',
      'staged 4': 'refused stale-epoch staged -',
      'active 4': 'handed forwarding close',
      'active 4 fenced 5': 'refused aborted active -',
      'active 5': 'refused stale-epoch active -',
      forwarding: 'handed forwarding -',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'refused stale-epoch gone -',
      'gone 5': 'refused stale-epoch gone -',
    },
  },
  install: {
    message: install,
    outcomes: {
      nothing: 'refused not-staged nothing -',
      staged: 'installed active open',
      'staged 4': 'refused not-staged staged -',
      'active 4': 'refused not-staged active -',
      'active 4 fenced 5': 'refused stale-epoch active -',
      'active 5': 'installed active -',
      forwarding: 'refused stale-epoch forwarding -',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'refused not-staged gone -',
      'gone 5': 'refused stale-epoch gone -',
    },
  },
  pull: {
    message: pull,
    outcomes: {
      nothing: 'refused unknown-tenant nothing -',
      staged: 'refused stale-epoch staged -',
      'staged 4': 'refused stale-epoch staged -',
      'active 4': 'refused not-yet active -',
      'active 4 fenced 5': 'refused not-yet active -',
      'active 5': 'refused stale-epoch active -',
      forwarding: 'handed forwarding -',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'refused stale-epoch gone -',
      'gone 5': 'refused stale-epoch gone -',
    },
  },
  release: {
    message: release,
    outcomes: {
      nothing: 'released nothing -',
      staged: 'released staged -',
      'staged 4': 'released staged -',
      'active 4': 'refused occupied active -',
      'active 4 fenced 5': 'refused occupied active -',
      'active 5': 'released active -',
      forwarding: 'released gone -',
      retired: 'released retired -',
      'gone 4': 'released gone -',
      'gone 5': 'released gone -',
    },
  },
  'abort at the source': {
    message: abortSource,
    outcomes: {
      nothing: 'refused unknown-tenant nothing -',
      staged: 'refused stale-epoch staged -',
      'staged 4': 'refused stale-epoch staged -',
      'active 4': 'aborted active -',
      'active 4 fenced 5': 'aborted active -',
      'active 5': 'installed active -',
      forwarding: 'handed forwarding -',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'refused stale-epoch gone -',
      'gone 5': 'refused stale-epoch gone -',
    },
  },
  'abort at the target': {
    message: abortTarget,
    outcomes: {
      nothing: 'aborted gone -',
      staged: 'aborted gone -',
      'staged 4': 'aborted gone -',
      'active 4': 'aborted active -',
      'active 4 fenced 5': 'aborted active -',
      'active 5': 'installed active -',
      forwarding: 'handed forwarding -',
      retired: 'aborted retired -',
      'gone 4': 'aborted gone -',
      'gone 5': 'aborted gone -',
    },
  },
  'abort of a takeover': {
    message: { ...abortTarget, epoch: 6, side: 'takeover' },
    outcomes: {
      nothing: 'aborted gone -',
      staged: 'aborted gone -',
      'staged 4': 'aborted gone -',
      'active 4': 'aborted active -',
      'active 4 fenced 5': 'aborted active -',
      'active 5': 'aborted active -',
      forwarding: 'aborted gone -',
      retired: 'aborted retired -',
      'gone 4': 'aborted gone -',
      'gone 5': 'aborted gone -',
    },
  },
  takeover: {
    message: takeover,
    outcomes: {
      nothing: 'installed active open',
      staged: 'installed active open',
      'staged 4': 'installed active open',
      'active 4': 'refused occupied active -',
      'active 4 fenced 5': 'refused occupied active -',
      'active 5': 'refused occupied active -',
      forwarding: 'installed active open',
      retired: 'refused stale-epoch retired -',
      'gone 4': 'installed active open',
      'gone 5': 'installed active open',
    },
  },
  retire: {
    message: retire,
    outcomes: {
      nothing: 'retired gone -',
      staged: 'retired gone -',
      'staged 4': 'retired gone -',
      'active 4': 'retired retired close',
      'active 4 fenced 5': 'retired retired close',
      'active 5': 'retired retired close',
      forwarding: 'retired retired -',
      retired: 'retired retired -',
      'gone 4': 'retired gone -',
      'gone 5': 'retired gone -',
    },
  },
}

describe.each(Object.entries(table))('%s', (_, { message, outcomes }) => {
  it.each(Object.entries(outcomes))('at %s: %s', (name, expected) => {
    const row = rows[name] ?? null
    const step = at(row, message)
    expect(outcome(step)).toBe(expected)
    if (step.answer.kind === 'refused') expect(step.row).toBe(row)
  })

  it.each(Object.keys(outcomes))('at %s: repeated, answers the same and changes nothing', (name) => {
    const first = at(rows[name] ?? null, message)
    const again = at(first.row, message, { freeze: () => ({ balance: 0, usage: 99 }) })
    expect(again.row).toEqual(first.row)
    expect(again.account).toBeNull()
    expect(again.answer).toEqual(first.answer)
    expect(again.send).toEqual(first.send)
  })
})

describe('details of the steps', () => {
  it('a full node refuses to be prepared or to take over, a staged one has its room', () => {
    const full = { hasRoom: () => false }
    expect(outcome(at(null, prepare, full))).toBe('refused full nothing -')
    expect(outcome(at(null, takeover, full))).toBe('refused full nothing -')
    expect(outcome(at(staged, prepare, full))).toBe('ready staged -')
    expect(outcome(at(staged, takeover, full))).toBe('installed active open')
  })

  it('a handoff sends the capsule to the target, as it was when it left', () => {
    const step = at(active(4), handoff)
    expect(step.send).toEqual([{ to: 'b', message: install }])
    expect(step.row).toEqual(forwarding)
    expect(step.answer).toEqual({ tenant: 't', epoch: 5, node: 'n', kind: 'handed', capsule })
  })

  it('a handoff to another epoch than the next does not touch the account', () => {
    expect(outcome(at(active(4), { ...handoff, fromEpoch: 3 }))).toBe('refused stale-epoch active -')
  })

  it('an install opens the account from the capsule, a repeated one with other content does not', () => {
    const first = at(staged, install)
    expect(first.account).toEqual({ kind: 'open', capsule })
    const again = at(first.row, { ...install, capsule: { balance: 100, usage: 0 } })
    expect(again.account).toBeNull()
  })

  it('a release waits for the drain unless it is in a hurry', () => {
    const busy = { drained: false }
    expect(outcome(at(forwarding, release, busy))).toBe('draining forwarding -')
    expect(outcome(at(forwarding, { ...release, hurry: true }, busy))).toBe('released gone -')
  })

  it('a released source sends edges on', () => {
    expect(at(forwarding, release).row).toMatchObject({ home: { node: 'b', epoch: 5 }, epoch: 5 })
  })

  it('the fence of one migration does not stop the next', () => {
    const next = { ...handoff, epoch: 6 }
    expect(outcome(at(active(4, 5), next))).toBe('handed forwarding close')
  })

  it('a takeover that was aborted cannot come late', () => {
    for (const row of [null, staged, forwarding, tombstone(5)]) {
      const buried = at(row, { ...abortTarget, epoch: 6, side: 'takeover' }).row
      expect(outcome(at(buried, takeover))).toBe('refused stale-epoch gone -')
    }
  })

  it('a takeover does not overwrite an account that waits to be collected', () => {
    expect(outcome(at(retired, { ...takeover, epoch: 7 }))).toBe('refused occupied retired -')
  })

  it('a retired account is released only by the takeover that retired it', () => {
    expect(outcome(at(retired, { ...release, epoch: 6 }))).toBe('released gone -')
    expect(at(retired, { ...release, epoch: 5 }).row).toBe(retired)
  })

  it('a node that was forwarding hands in the capsule as it left', () => {
    const step = at(forwarding, retire, { freeze: () => ({ balance: 0, usage: 99 }) })
    expect(step.answer).toMatchObject({ kind: 'retired', capsule })
    expect(step.row).toMatchObject({ role: 'retired', capsule })
  })

  it('a retired node learns the new home later', () => {
    const early = at(active(4), { ...retire, home: null })
    expect(early.row).toMatchObject({ role: 'retired', home: null })
    expect(at(early.row, retire).row).toMatchObject({ home: { node: 'c', epoch: 6 } })
  })

  it('a refusal says what to do', () => {
    const { answer } = at(null, prepare, { hasRoom: () => false })
    expect(answer).toMatchObject({
      step: 'prepare',
      refusal: {
        code: 'full',
        text: 'Node n has no room for the guaranteed rate of tenant t; name another node.',
      },
    })
  })

  it('a tombstone is swept when its time has come, and nothing else is', () => {
    expect(sweep(tombstone(5), 1_099)).toEqual(tombstone(5))
    expect(sweep(tombstone(5), 1_100)).toBeNull()
    for (const row of [staged, active(4), forwarding, retired, null]) expect(sweep(row, 9e9)).toBe(row)
  })
})
