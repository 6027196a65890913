import { describe, expect, it } from 'vitest'
import { toMicro } from '../../src/core/amount.ts'
import type { AccountGrant, AccountReport, LeaseReply } from '../../src/core/messages.ts'
import { NodeLife, type NodeRow, type NodeWrite, type TenantRecord } from '../../src/core/node-life.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

/** What survives: rows as text, so that nothing but plain data can come back. */
class Store {
  node: string | undefined
  readonly tenants = new Map<string, string>()
  writes = 0

  write(write: NodeWrite): void {
    this.writes++
    this.node = JSON.stringify(write.node)
    for (const record of write.tenants) this.tenants.set(record.account.tenant, JSON.stringify(record))
    for (const tenant of write.gone) this.tenants.delete(tenant)
  }

  read(): { node: NodeRow; tenants: TenantRecord[] } {
    const tenants = Array.from(this.tenants.values(), (text) => JSON.parse(text) as TenantRecord)
    return { node: JSON.parse(this.node!) as NodeRow, tenants }
  }
}

const ROUND_MS = 1000

function start(store: Store, nowMs: number): NodeLife {
  const fresh = { roundTokens: toMicro(160), roundMs: ROUND_MS }
  const life = new NodeLife({ node: 'n1', nowMs, ...(store.node ? { stored: store.read() } : fresh) })
  store.write(life.firstWrite)
  return life
}

function withTenants(store: Store, nowMs = 0): NodeLife {
  const life = start(store, nowMs)
  for (const [tenant, base] of [
    ['alpha', 100],
    ['beta', 50],
  ] as const) {
    life.open({ tenant, epoch: 1, settings: { baseTokens: toMicro(base) } })
  }
  store.write(life.flush(nowMs))
  return life
}

const ask = (
  tenant: string,
  session: string,
  tokens: { used?: number; want?: number; waiting?: number },
) => ({
  version: 1,
  edge: 'e1',
  accounts: [
    {
      ...NO_TOTALS,
      tenant,
      epoch: 1,
      session,
      used: toMicro(tokens.used ?? 0),
      demand: toMicro(tokens.used ?? 0),
      want: toMicro(tokens.want ?? tokens.waiting ?? 0),
      waiting: toMicro(tokens.waiting ?? 0),
      first: tokens.waiting ? toMicro(1) : 0,
    } satisfies AccountReport,
  ],
})
const grantOf = (reply: LeaseReply) => reply.accounts[0] as AccountGrant

describe('a life of a node', () => {
  it('writes once a round, before the round’s first answer, and only what changed', () => {
    const store = new Store()
    const life = withTenants(store)
    const first = life.handle(ask('alpha', '', { waiting: 10 }), 10)
    expect(first.write).toBeUndefined()
    expect(life.handle(ask('beta', '', { waiting: 10 }), 20).write).toBeUndefined()
    const session = grantOf(first.reply).session
    const due = life.handle(ask('alpha', session, { used: 10, waiting: 10 }), ROUND_MS + 10)
    expect(due.write?.tenants.map(({ row }) => row.tenant)).toEqual(['alpha', 'beta'])
    expect(life.handle(ask('alpha', session, { used: 20, waiting: 10 }), ROUND_MS + 20).write).toBeUndefined()
    const next = life.handle(ask('alpha', session, { used: 30, waiting: 10 }), 2 * ROUND_MS + 20)
    expect(next.write?.tenants.map(({ row }) => row.tenant)).toEqual(['alpha'])
  })

  it('writes when a round’s time has passed even though nobody needed a new one', () => {
    const life = withTenants(new Store())
    const { session } = grantOf(life.handle(ask('alpha', '', { waiting: 1 }), 10).reply)
    const slack = life.handle(ask('alpha', session, { used: 1, waiting: 1 }), ROUND_MS - 1)
    expect(slack.write).toBeUndefined()
    const later = life.handle(ask('alpha', session, { used: 2, waiting: 1 }), ROUND_MS)
    expect(life.ledger.roundNumber).toBe(1)
    expect(later.write?.tenants).toHaveLength(1)
  })

  it('counts its starts, gives every life its own session ids, and keeps tenants and usage', () => {
    const store = new Store()
    const life = withTenants(store)
    const { session } = grantOf(life.handle(ask('alpha', '', { waiting: 10 }), 10).reply)
    life.handle(ask('alpha', session, { used: 7 }), 20)
    store.write(life.flush(30))
    const second = start(store, 500)
    expect(second.epoch).toBe(2)
    expect(second.sessions.desk('alpha')?.usage).toMatchObject({ spent: toMicro(7), presumed: toMicro(3) })
    expect(second.ledger.poolTokens).toBe(-toMicro(160))
    const again = grantOf(second.handle(ask('alpha', session, { used: 9, waiting: 1 }), 510).reply)
    expect(again.session).not.toBe(session)
    expect(again.granted).toBeGreaterThanOrEqual(toMicro(1))
    expect(second.sessions.desk('alpha')?.usage).toMatchObject({ spent: toMicro(9), presumed: toMicro(1) })
  })

  it.each([
    { silentMs: 2 * ROUND_MS - 1, borrows: false },
    { silentMs: 2 * ROUND_MS, borrows: true },
  ])('presumes a round spent, unless the last write is two rounds old: $silentMs ms', (past) => {
    const store = new Store()
    const life = withTenants(store)
    life.handle(ask('alpha', '', { waiting: 100 }), 10)
    // What is granted in the last moment before a write is due is what storage cannot know.
    const { reply, write } = life.handle(ask('beta', '', { waiting: 50 }), ROUND_MS - 1)
    expect([write, grantOf(reply).granted]).toEqual([undefined, toMicro(50)])
    const second = start(store, past.silentMs)
    const { granted } = grantOf(second.handle(ask('beta', '', { waiting: 150 }), past.silentMs).reply)
    expect(granted).toBe(toMicro(past.borrows ? 150 : 50))
  })

  it('presumes a round spent where no time of writing is kept', () => {
    const store = new Store()
    withTenants(store)
    const { writtenAtMs: _, ...row } = store.read().node
    store.node = JSON.stringify(row)
    expect(start(store, 60_000).ledger.poolTokens).toBe(-toMicro(160))
  })

  it('books a session opened after the last write before a restart, once', () => {
    const store = new Store()
    const life = withTenants(store)
    const { session } = grantOf(life.handle(ask('alpha', '', { waiting: 10 }), 10).reply)
    const second = start(store, 500)
    const late = ask('alpha', session, { used: 6 })
    second.handle(late, 510)
    second.handle(late, 520)
    expect(second.sessions.desk('alpha')?.usage.spent).toBe(toMicro(6))
    second.handle(ask('alpha', 'n1:1.9x', { used: 6 }), 530)
    second.handle(ask('alpha', 'n2:1.0', { used: 6 }), 540)
    expect(second.sessions.desk('alpha')?.usage.spent).toBe(toMicro(6))
  })

  it('writes at once what an edge will forget: totals of a session that is over', () => {
    const store = new Store()
    const life = withTenants(store)
    const { session } = grantOf(life.handle(ask('alpha', '', { waiting: 10 }), 10).reply)
    const second = start(store, 500)
    const late = second.handle(ask('alpha', session, { used: 6 }), 510)
    expect(late.write).toBeDefined()
    store.write(late.write!)
    expect(start(store, 520).sessions.desk('alpha')?.usage.spent).toBe(toMicro(6))
  })

  it('writes a debt that shrinks although its tenant is silent', () => {
    const store = new Store()
    const life = withTenants(store)
    const { session } = grantOf(life.handle(ask('beta', '', { waiting: 1 }), 10).reply)
    life.handle(ask('beta', session, { used: 500 }), 20)
    store.write(life.flush(30))
    expect(store.read().tenants.find(({ row }) => row.tenant === 'beta')?.row.owedTokens).toBeGreaterThan(0)
    let alpha = grantOf(life.handle(ask('alpha', '', { waiting: 150 }), 40).reply)
    for (let round = 1; round <= 12; round++) {
      const used = alpha.granted / toMicro(1)
      const { reply, write } = life.handle(ask('alpha', alpha.session, { used, waiting: 150 }), round * 1100)
      alpha = grantOf(reply)
      if (write) store.write(write)
    }
    expect(store.read().tenants.find(({ row }) => row.tenant === 'beta')?.row.owedTokens).toBe(0)
  })

  it('books a session opened after the last write before a restart, once, also where the tenant moves next', () => {
    const store = new Store()
    const { session } = grantOf(withTenants(store).handle(ask('alpha', '', { waiting: 10 }), 10).reply)
    const second = start(store, 500)
    const elsewhere = new NodeLife({ node: 'n2', roundTokens: toMicro(160), roundMs: ROUND_MS, nowMs: 0 })
    const { account, row } = second.close('alpha')!
    elsewhere.install(account, JSON.parse(JSON.stringify(row)), 600)
    elsewhere.handle(ask('alpha', session, { used: 9 }), 610)
    elsewhere.handle(ask('alpha', session, { used: 9 }), 620)
    expect(elsewhere.sessions.desk('alpha')?.usage.spent).toBe(toMicro(9))
    const third = new NodeLife({ node: 'n3', roundTokens: toMicro(160), roundMs: ROUND_MS, nowMs: 0 })
    third.install(account, elsewhere.close('alpha')!.row, 700)
    third.handle(ask('alpha', session, { used: 10 }), 710)
    expect(third.sessions.desk('alpha')?.usage.spent).toBe(toMicro(10))
  })

  it('keeps the newest epoch of a tenant over a restart, also when older settings come late', () => {
    const store = new Store()
    const life = withTenants(store)
    life.open({ tenant: 'alpha', epoch: 4, settings: { baseTokens: toMicro(100) } })
    life.open({ tenant: 'alpha', epoch: 2, settings: { baseTokens: toMicro(90) } })
    store.write(life.flush(10))
    expect(start(store, 20).sessions.epoch('alpha')).toBe(4)
  })

  it('opens, closes and resizes durably', () => {
    const store = new Store()
    const life = withTenants(store)
    life.close('alpha')
    life.resize(toMicro(60))
    expect(() => life.resize(toMicro(10))).toThrow(/bases/)
    store.write(life.flush(10))
    const second = start(store, 20)
    expect([...second.sessions.tenants]).toEqual(['beta'])
    expect(second.ledger.roundTokens).toBe(toMicro(60))
    expect(life.close('alpha')).toBeUndefined()
  })

  it('presumes what a session that moved here holds when its edge is never heard again', () => {
    const nowMs = Date.UTC(2026, 0, 1)
    const source = withTenants(new Store(), nowMs)
    const { session } = grantOf(source.handle(ask('alpha', '', { waiting: 10 }), nowMs).reply)
    source.handle(ask('alpha', session, { used: 4 }), nowMs)
    const { account, row } = source.close('alpha')!
    const target = new NodeLife({ node: 'n2', roundTokens: toMicro(160), roundMs: ROUND_MS, nowMs })
    target.install({ ...account, epoch: 2 }, row, nowMs)
    target.flush(nowMs + target.sessions.silenceMs)
    expect(target.sessions.desk('alpha')).toMatchObject({ sessions: { size: 1 }, usage: { presumed: 0 } })
    target.flush(nowMs + target.sessions.silenceMs + 1)
    expect(target.sessions.desk('alpha')).toMatchObject({
      sessions: { size: 0 },
      usage: { spent: toMicro(4), presumed: toMicro(6) },
    })
  })

  it('keeps the traces of lapsed sessions that moved here as long as its own, whatever its clock says', () => {
    const oldMs = 10_000_000
    const source = withTenants(new Store())
    // The clock of sessions follows the time in small steps only.
    for (let nowMs = 0; nowMs <= oldMs; nowMs += ROUND_MS) source.flush(nowMs)
    const { session } = grantOf(source.handle(ask('alpha', '', { waiting: 10 }), oldMs).reply)
    source.flush(oldMs + 3 * ROUND_MS)
    const { account, row } = source.close('alpha')!
    expect(row.desk.lapsed).toHaveLength(1)
    const target = new NodeLife({ node: 'n2', roundTokens: toMicro(160), roundMs: ROUND_MS, nowMs: 0 })
    target.install({ ...account, epoch: 2 }, row, 0)
    for (let nowMs = 0; nowMs <= 200_000; nowMs += ROUND_MS) target.flush(nowMs)
    target.handle(ask('alpha', session, { used: 7 }), 200_000)
    expect(target.sessions.desk('alpha')?.usage).toMatchObject({ spent: toMicro(7), presumed: toMicro(3) })
    for (let nowMs = 200_000; nowMs <= 310_000; nowMs += ROUND_MS) target.flush(nowMs)
    expect(target.sessions.desk('alpha')?.lapsed.has(session)).toBe(false)
  })
})
