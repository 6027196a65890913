import { describe, expect, it } from 'vitest'
import type { TenantCapsule } from '../../src/core/capsule.ts'
import { configure } from '../../src/core/configure-life.ts'
import type { NodeConfig } from '../../src/core/control.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import type { NodeMessage } from '../../src/core/migration/types.ts'
import { NodeLife } from '../../src/core/node-life.ts'
import { Places } from '../../src/core/places.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

const ROUND_MS = 1_000
const MICRO = 1_000_000

const { spec } = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 't' },
  spec: { base: 60, devices: [{ name: 'api', base: 40, match: { paths: ['/api'] } }] },
})

/** A node with room for 100 tokens a round, and the tenants it was configured with. */
class TestNode {
  readonly life = new NodeLife({ node: 'n', roundTokens: 100 * MICRO, roundMs: ROUND_MS, nowMs: 0 })
  readonly places = new Places('n', new Map(), 0)
  config = this.#configOf(0, {})

  configure(bases: Record<string, number>, refused: readonly string[] = []): void {
    const config = this.#configOf(this.config.generation + 1, bases)
    this.places.configure(config, this.config, this.life, 0)
    expect(configure(this.life, config, this.places).map(({ tenant }) => tenant)).toEqual(refused)
    this.config = config
  }

  step(message: NodeMessage<TenantCapsule>) {
    return this.places.step(message, this.life, this.config, 0).answer
  }

  #configOf(generation: number, bases: Record<string, number>): NodeConfig {
    const own = {
      capacity: 100,
      roundMs: ROUND_MS,
      origin: { echo: {} },
      hourlyFee: 0,
      hazard: 0,
      cordoned: false,
    }
    const tenants = Object.entries(bases).map(([tenant, base]) => ({
      tenant,
      epoch: 1,
      spec: { ...spec, base, devices: [] },
    }))
    return { node: 'n', generation, spec: own, tenants }
  }
}

describe('the places of a node', () => {
  it('retire a tenant that is removed after a move of it was aborted', () => {
    const node = new TestNode()
    node.configure({ t: 60 })
    expect(node.step({ kind: 'abort', tenant: 't', epoch: 2, side: 'source' }).kind).toBe('aborted')
    node.configure({})
    expect(node.places.get('t')?.row.role).toBe('retired')
    expect(node.life.sessions.account('t')).toBeUndefined()
  })

  it('can hand an account in that no configuration names any more', () => {
    const node = new TestNode()
    node.configure({ t: 60 })
    node.step({ kind: 'abort', tenant: 't', epoch: 2, side: 'source' })
    node.configure({})
    const answer = node.step({ kind: 'retire', tenant: 't', epoch: 3, home: null })
    expect(answer).toMatchObject({ kind: 'retired', capsule: { row: { tenant: 't' } } })
  })

  it('have an account for every tenant that is listed, also where its base does not fit', () => {
    const node = new TestNode()
    node.configure({ other: 70 })
    node.configure({ other: 70, t: 60 }, ['t'])
    const account = () => node.life.sessions.account('t')
    expect(account()?.baseTokens).toBe(30 * MICRO)
    node.configure({ other: 40, t: 60 })
    expect(account()?.baseTokens).toBe(60 * MICRO)
    node.configure({ other: 41, t: 60 }, ['other'])
    expect(node.life.sessions.account('other')?.baseTokens).toBe(40 * MICRO)
  })

  it('can hand a tenant over whose base was refused, and leave the room kept for another alone', () => {
    const node = new TestNode()
    node.configure({ other: 70 })
    const coming = { kind: 'prepare', tenant: 'u', epoch: 2, source: { node: 'm', epoch: 1 } } as const
    expect(node.step({ ...coming, reserve: 20 * MICRO }).kind).toBe('ready')
    node.configure({ other: 70, t: 60 }, ['t'])
    expect(node.life.sessions.account('t')?.baseTokens).toBe(10 * MICRO)
    const handoff = { kind: 'handoff', tenant: 't', epoch: 2, fromEpoch: 1, target: 'm' } as const
    expect(node.step(handoff)).toMatchObject({ kind: 'handed', capsule: { placed: { spec: { base: 60 } } } })
  })

  it('take a tenant in whose base was larger when it left than the room kept for it', () => {
    const source = new TestNode()
    const target = new TestNode()
    target.configure({ other: 70 })
    const home = { node: 'm', epoch: 1 }
    const prepared = target.step({
      kind: 'prepare',
      tenant: 't',
      epoch: 2,
      source: home,
      reserve: 30 * MICRO,
    })
    expect(prepared.kind).toBe('ready')
    const placed = { tenant: 't', epoch: 1, spec }
    source.configure({ t: 60 })
    const capsule = { placed, row: source.life.sessions.row('t')! }
    expect(target.step({ kind: 'install', tenant: 't', epoch: 2, capsule }).kind).toBe('installed')
    const account = target.life.sessions.account('t')!
    expect(account.baseTokens).toBe(30 * MICRO)
    expect(account.children.map((device) => device.baseTokens)).toEqual([20 * MICRO, 10 * MICRO])
    expect(target.life.ledger.accounts.get('other')?.baseTokens).toBe(70 * MICRO)
  })

  it('end a drain although the clock was set back by an hour', () => {
    const node = new TestNode()
    node.configure({ t: 60 })
    const { places, life } = node
    const account = { ...NO_TOTALS, tenant: 't', epoch: 1, session: '', want: 0, waiting: 0, first: 0 }
    life.handle({ version: 1, edge: 'e', accounts: [account] }, 0)
    const handoff = { kind: 'handoff', tenant: 't', epoch: 2, fromEpoch: 1, target: 'm' } as const
    places.step(handoff, life, node.config, 3_600_000)
    expect(places.drained('t', life, 0)).toBe(false)
    expect(places.drained('t', life, life.sessions.silenceMs)).toBe(true)
  })

  it('know a move that was aborted although the clock was set ahead by an hour', () => {
    const node = new TestNode()
    node.configure({})
    const { places, life, config } = node
    const late = {
      kind: 'prepare',
      tenant: 't',
      epoch: 2,
      source: { node: 'm', epoch: 1 },
      reserve: 0,
    } as const
    places.step({ kind: 'abort', tenant: 't', epoch: 2, side: 'target' }, life, config, 0)
    places.sweep(3_600_000)
    places.step(late, life, config, 3_600_000)
    expect(places.get('t')?.row.role).toBe('gone')
    places.sweep(7_200_000)
    expect(places.get('t')).toBeUndefined()
  })
})
