import { describe, expect, it } from 'vitest'
import { toMicro } from '../../src/core/amount.ts'
import { Ledger } from '../../src/core/ledger.ts'
import type { AccountGrant } from '../../src/core/messages.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

const EDGES = 10
const BASE = 100
/** What an edge would like to have for the next half round. */
const AHEAD = 25
const NOW_MS = 1_100

/** A node of 200 tokens a round, half of them the base of each of two tenants; edges `q…` are of the first. */
function node() {
  const ledger = new Ledger({ roundTokens: toMicro(2 * BASE), roundMs: 1_000, nowMs: 0 })
  const sessions = new Sessions({ ledger, life: 'n', nowMs: 0 })
  for (const tenant of ['quiet', 'flood']) {
    sessions.open({ tenant, epoch: 1, settings: { baseTokens: toMicro(BASE) } })
  }
  const before = new Map<string, AccountGrant>()
  /** What an edge that has used all but `unusedTokens` of what it was granted is given now. */
  return (edge: string, wantTokens: number, waitingTokens: number, nowMs: number, unusedTokens = 0) => {
    const last = before.get(edge)
    const held = last?.granted ?? 0
    const used = held - toMicro(unusedTokens)
    const report = {
      ...{ tenant: edge.startsWith('q') ? 'quiet' : 'flood', epoch: 1, session: last?.session ?? '' },
      ...{ ...NO_TOTALS, used, demand: used, first: toMicro(Math.min(1, waitingTokens)) },
      ...{ want: toMicro(wantTokens), waiting: toMicro(waitingTokens) },
    }
    const grant = sessions.answer({ version: 1, edge, accounts: [report] }, nowMs).accounts[0] as AccountGrant
    before.set(edge, grant)
    return { tokens: (grant.granted - held) / toMicro(1), retryAfterMs: grant.retryAfterMs }
  }
}

/** In its second round, of which `flood` has asked for all; `quiet` asked for one token at each edge in the first. */
function crowded(edges: number) {
  const ask = node()
  for (let i = 0; i < edges; i++) ask(`q${i}`, 1, 1, 0)
  for (const nowMs of [0, 1_000]) for (const edge of ['f0', 'f1']) ask(edge, 300, 300, nowMs)
  return ask
}

describe('tokens that a node grants before they are needed', () => {
  it('leave something for every edge of a tenant inside its base', () => {
    const ask = crowded(EDGES)
    // Four edges that were given all they would like would leave nothing to the requests at the other six.
    for (let i = 0; i < EDGES; i++) {
      const { tokens, retryAfterMs } = ask(`q${i}`, AHEAD, 1, NOW_MS)
      expect(tokens, `edge ${i}`).toBeGreaterThanOrEqual(1)
      expect(retryAfterMs, `edge ${i}`).toBeUndefined()
    }
  })

  it('are never fewer than what waits, while the tenant has them', () => {
    const ask = crowded(EDGES)
    expect(ask('q0', 80, 80, NOW_MS).tokens).toBe(80)
    expect(ask('q1', 20, 20, NOW_MS).tokens).toBe(20)
    expect(ask('q2', 1, 1, NOW_MS).retryAfterMs).toBeGreaterThan(0)
  })

  it('come on top of what the edge holds', () => {
    const ask = crowded(EDGES)
    expect(ask('q0', AHEAD, 1, NOW_MS).tokens).toBe(BASE / EDGES)
    expect(ask('q0', AHEAD, 0, NOW_MS, 5).tokens).toBe((BASE - BASE / EDGES) / EDGES)
  })

  it('are all it would like of what others leave idle, when its own are used up', () => {
    const ask = node()
    ask('q0', BASE, BASE, 0)
    expect(ask('q1', AHEAD, 1, 500).tokens).toBe(AHEAD)
  })

  it('are all it would like for the tenant’s only edge', () => {
    expect(crowded(1)('q0', 90, 1, NOW_MS).tokens).toBe(90)
  })

  it('are all it would like once the round is due, though nobody has asked for a new one yet', () => {
    const ask = node()
    for (let i = 0; i < EDGES; i++) ask(`q${i}`, 1, 1, 0)
    ask('q0', 70, 70, 800)
    const inTime = ask('q0', AHEAD, 1, 900)
    expect(inTime.tokens).toBeLessThan(AHEAD)
    expect(ask('q1', AHEAD, 1, 1_000).tokens).toBe(AHEAD)
  })

  it('are not cut for a tenant that asked for more than its base', () => {
    const ask = crowded(EDGES)
    ask('f0', 300, 300, 2_000)
    const { tokens } = ask('f1', 1, 0, 3_000)
    expect(tokens).toBe(1)
    expect(ask('f1', 80, 1, 3_000).tokens).toBe(80)
  })
})
