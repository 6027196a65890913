import { describe, expect, it } from 'vitest'
import { toMicro } from '../../src/core/amount.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { type AccountGrant, MESSAGE_VERSION } from '../../src/core/messages.ts'
import { NodeLife } from '../../src/core/node-life.ts'
import { accountOf, DEFAULT_DEVICE } from '../../src/core/placed.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

const ROUND_MS = 1_000

function placed(...devices: { name: string; base: number; match?: object }[]) {
  const { spec } = tenantSchema.parse({
    apiVersion: 'stint/v1',
    kind: 'Tenant',
    metadata: { name: 't' },
    spec: { base: 60, devices },
  })
  return accountOf({ tenant: 't', epoch: 1, spec }, ROUND_MS)
}

const API = { name: 'api', base: 20, match: { paths: ['/api'] } }
const WEB = { name: 'web', base: 30, match: { paths: ['/web'] } }

function start(node: string): NodeLife {
  return new NodeLife({ node, roundTokens: toMicro(100), roundMs: ROUND_MS, nowMs: 0 })
}

/** An edge's running totals of one device, reported message by message. */
class Reporter {
  readonly device: string | undefined
  session = ''
  granted = 0
  used = 0
  admitted = 0

  constructor(device?: string) {
    this.device = device
  }

  /** Uses `tokens`, reports them and asks for `want` more. */
  report(life: NodeLife, tokens: number, want: number, nowMs: number): AccountGrant {
    this.used += toMicro(tokens)
    this.admitted += tokens
    const totals = { ...NO_TOTALS, used: this.used, admitted: this.admitted, demand: this.used }
    const { reply } = life.handle(
      {
        version: MESSAGE_VERSION,
        edge: 'e',
        accounts: [
          {
            tenant: 't',
            ...(this.device === undefined ? {} : { device: this.device }),
            epoch: 1,
            session: this.session,
            ...(this.session === '' ? NO_TOTALS : totals),
            want: toMicro(want),
            waiting: 0,
            first: 0,
          },
        ],
      },
      nowMs,
    )
    const [grant] = reply.accounts
    if (grant === undefined || 'moved' in grant) throw new Error('the tenant lives here')
    if (grant.session !== this.session) {
      if (this.session !== '') [this.used, this.admitted] = [0, 0]
      this.session = grant.session
    }
    this.granted = grant.granted
    return grant
  }
}

/** Requests counted at all desks together. */
function admitted({ sessions }: NodeLife): number {
  const names = sessions.devices('t').filter((name) => name !== DEFAULT_DEVICE)
  return [undefined, ...names].reduce((sum, name) => sum + sessions.desk('t', name)!.usage.admitted, 0)
}

describe('a tenant with devices', () => {
  it('has a default device with what they leave of its base, unless it declares one', () => {
    const base = (...devices: Parameters<typeof placed>) =>
      Object.fromEntries(
        (placed(...devices).devices ?? []).map((it) => [it.name, it.settings.baseTokens / 1e6]),
      )
    expect(base()).toEqual({})
    expect(base(API, WEB)).toEqual({ api: 20, web: 30, default: 10 })
    expect(base(API, { name: DEFAULT_DEVICE, base: 5 })).toEqual({ api: 20, default: 5 })
  })

  it('never pays for what matches no device with its devices’ base', () => {
    const life = start('n')
    life.open(placed(API, WEB))
    const other = { tenant: 'o', epoch: 1, settings: { baseTokens: toMicro(40) } }
    life.open(other)
    const flood = new Reporter()
    let spent = 0
    for (let atMs = 0; atMs < 10 * ROUND_MS; atMs += 100) {
      const { granted } = flood.report(life, spent, 1_000, atMs)
      spent = (granted - flood.used) / 1e6
      // The siblings find their whole base, in every round.
      if (atMs % ROUND_MS === 900) {
        expect(life.sessions.desk('t', 'api')!.account.ownTokens).toBe(toMicro(20))
        expect(life.sessions.desk('t', 'web')!.account.ownTokens).toBe(toMicro(30))
      }
    }
    // What it spent is its own: at the default device, as negative tokens of that one.
    const rest = life.sessions.account('t')!.children.find(({ name }) => name === DEFAULT_DEVICE)!
    expect(rest.spentTotal).toBe(life.sessions.account('t')!.spentTotal)
    expect(rest.spentTotal).toBeGreaterThan(toMicro(100))
    expect(life.sessions.account('t')!.owedTokens).toBe(0)
  })

  it('counts every request once while devices come and go, also across a move and a restart', () => {
    const life = start('n')
    life.open(placed(API, WEB))
    const edges = [new Reporter('api'), new Reporter('web'), new Reporter()]
    let counted = 0
    const all = (on: NodeLife, atMs: number, tokens = 1) => {
      for (const edge of edges) {
        const before = edge.session
        edge.report(on, tokens, 5, atMs)
        if (before !== '') counted += tokens
      }
      expect(admitted(on), `at ${atMs}`).toBe(counted)
    }
    // What was used without a session yet is reported with the first one.
    all(life, 0, 0)
    all(life, 100)
    life.open(placed(WEB))
    all(life, 200)
    expect(life.sessions.devices('t')).toEqual(['web', DEFAULT_DEVICE])
    life.open(placed(API, WEB))
    all(life, 300)
    expect(life.sessions.desk('t', 'api')!.usage.admitted).toBe(1)
    life.open(placed(API))

    const { row } = life.close('t')!
    const next = start('m')
    next.install(placed(WEB), row, 400)
    expect(admitted(next)).toBe(counted)
    all(next, 500)
    const node = next.flush(600)
    const stored = { node: node.node, tenants: [{ account: placed(), row: next.sessions.row('t')! }] }
    const last = new NodeLife({ node: 'm', stored, nowMs: 700 })
    expect(admitted(last)).toBe(counted)
    all(last, 800)
    all(last, 900)
    expect(last.sessions.devices('t')).toEqual([])
  })
})
