import { describe, expect, it } from 'vitest'
import { newPlacement } from '../../src/core/migration/index.ts'
import { type Exploration, explore } from './explore.ts'
import { fairDelivery } from './fair-delivery.ts'
import { modelOf } from './parties.ts'
import { broken, brokenTakeovers, type Protocol, real, stuckProtocols } from './protocol.ts'
import type { Budget, Instance, World } from './world.ts'

const nothing: Budget = { moves: 0, aborts: 0, takeovers: 0, lapses: 0, refills: 0, works: 0, edgeCrashes: 0 }

function instanceOf(
  nodes: number,
  requests: number,
  budget: Partial<Budget>,
  more: Partial<Instance> = {},
): Instance {
  const names = ['a', 'b', 'c'].slice(0, nodes)
  return {
    nodes: names,
    requests,
    tokens: Math.max(1, requests),
    crashes: false,
    calm: false,
    budget: { ...nothing, ...budget },
    ...more,
  }
}

/** The tenant lives on the first node with a full account, nothing is under way. */
function startOf({ nodes, tokens, requests, budget }: Instance): World {
  const account = { balance: tokens, usage: 0, sessions: {} }
  return {
    placement: { ...newPlacement('t', { node: 'a', epoch: 1 }), checkpoint: account },
    nodes: nodes.map((name) =>
      name === 'a'
        ? {
            name,
            row: { role: 'active', epoch: 1, origin: 'takeover', fencedEpoch: 0 },
            account,
            serving: true,
          }
        : { name, row: null, account: null, serving: true },
    ),
    edge: {
      incarnation: 0,
      at: 'a',
      epoch: 1,
      session: null,
      granted: 0,
      used: 0,
      pending: false,
      requestsLeft: requests,
    },
    audit: { supply: tokens, granted: 0, booked: 0, used: 0, late: 0 },
    budget,
    net: [],
  }
}

const run = (instance: Instance, protocol: Protocol): Exploration =>
  explore(startOf(instance), modelOf(instance, protocol), 2_000_000)

const lossy = { crashes: true }

/** Instances, each with the least number of states that an exploration worth its name has. */
const instances: Record<string, { instance: Instance; atLeast: number }> = {
  'move and abort, one client, every send lost or not': {
    instance: instanceOf(2, 1, { moves: 1, aborts: 1 }, lossy),
    atLeast: 60_000,
  },
  'two moves and an abort, every send lost or not': {
    instance: instanceOf(2, 0, { moves: 2, aborts: 1 }, lossy),
    atLeast: 9_000,
  },
  'move and takeover, every send lost or not': {
    instance: instanceOf(2, 0, { moves: 1, takeovers: 1, lapses: 1 }, lossy),
    atLeast: 30_000,
  },
  'a second move right behind, abort, one client': {
    instance: instanceOf(2, 1, { moves: 2, aborts: 1 }),
    atLeast: 150_000,
  },
  'three moves over three nodes, two aborts': {
    instance: instanceOf(3, 0, { moves: 3, aborts: 2 }),
    atLeast: 10_000,
  },
  'move and abort, an edge that dies': {
    instance: instanceOf(2, 1, { moves: 1, aborts: 1, edgeCrashes: 1 }),
    atLeast: 10_000,
  },
  'takeover of a lone node, two clients, a new round': {
    instance: instanceOf(2, 2, { takeovers: 1, lapses: 1, refills: 1 }, { tokens: 1 }),
    atLeast: 15_000,
  },
  'takeover in a move, one client': {
    instance: instanceOf(2, 1, { moves: 1, takeovers: 1, lapses: 1 }),
    atLeast: 140_000,
  },
  'takeover with a move before or behind it, abort': {
    instance: instanceOf(2, 0, { moves: 2, aborts: 1, takeovers: 1, lapses: 1 }),
    atLeast: 25_000,
  },
  'takeover in a move, usage at the nodes': {
    instance: instanceOf(2, 0, { moves: 1, aborts: 1, takeovers: 1, lapses: 1, works: 1 }),
    atLeast: 10_000,
  },
  'two takeovers in a move, abort': {
    instance: instanceOf(2, 0, { moves: 1, aborts: 1, takeovers: 2, lapses: 2 }),
    atLeast: 50_000,
  },
  'two takeovers in a move over three nodes, usage at the nodes': {
    instance: instanceOf(3, 0, { moves: 1, takeovers: 2, lapses: 2, works: 2 }, { tokens: 2, calm: true }),
    atLeast: 200_000,
  },
}

const timeoutMs = 600_000

describe('every reachable state', () => {
  const reached = new Set<string>()
  let visited = 0

  it.each(Object.entries(instances))(
    '%s',
    (name, { instance, atLeast }) => {
      const { states, steps, violation, table } = run(instance, real)
      expect(violation).toBeNull()
      const fair = fairDelivery(table, modelOf(instance, real))
      expect(fair.stuck).toBeNull()
      expect(fairDelivery(table, modelOf(instance, real), true).stuck).toBeNull()
      console.info(
        `${name}: ${states} states, ${steps} steps; ends from all ${fair.starts} after a loss of everything ` +
          `under way, in at most ${fair.longestRounds} rounds`,
      )
      expect(states).toBeGreaterThan(atLeast)
      visited += states
      for (const { migration, strays } of table.placements) {
        reached.add(migration?.bury ? 'asking first' : (migration?.phase ?? 'none'))
        for (const { step } of strays) reached.add(`stray: ${step}`)
      }
      for (const { row } of table.nodes) reached.add(row?.role ?? 'nothing')
      if (table.audits.some(({ late }) => late > 0)) reached.add('late usage')
    },
    timeoutMs,
  )

  it('together they pass through every phase, every row and every kind of stray', () => {
    const phases = ['PREPARING', 'HANDING_OFF', 'INSTALLING', 'COMMITTED', 'ABORTING', 'TAKING_OVER']
    const ends = ['none', 'DONE', 'ABORTED', 'asking first']
    const rows = ['nothing', 'staged', 'active', 'forwarding', 'retired', 'gone']
    const strays = ['stray: retire', 'stray: release', 'stray: abort', 'late usage']
    console.info(`${visited} states visited in all`)
    expect([...reached].sort()).toEqual([...phases, ...ends, ...rows, ...strays].sort())
  })
})

describe('protocols broken on purpose', () => {
  const two = instanceOf(2, 2, { moves: 1, aborts: 1 })
  const twice = instanceOf(2, 0, { moves: 2, aborts: 1 })
  const forced = instanceOf(3, 0, { moves: 1, takeovers: 1, lapses: 1 })
  const late = instanceOf(2, 3, { takeovers: 1, lapses: 1 })

  const violations = new Map<Instance, Exploration['violation']>()
  const sound = (instance: Instance) => {
    if (!violations.has(instance)) violations.set(instance, run(instance, real).violation)
    return violations.get(instance)
  }

  const cases: [string, Instance, Protocol | undefined, RegExp][] = [
    ['no dedupe in the capsule', two, broken['no dedupe in the capsule'], /more usage|tokens that are left/],
    ['abort after handoff', two, broken['abort after handoff'], /two ACTIVE|elsewhere|neither/],
    ['install that overwrites', two, broken['install that overwrites'], /minted|not constant/],
    ['commit before install', two, broken['commit before install'], /neither/],
    ['no abort fence', two, broken['no abort fence'], /does not expect|not ACTIVE|neither/],
    ...Object.entries(brokenTakeovers).map(([name, protocol]): [string, Instance, Protocol, RegExp] => {
      if (name.startsWith('tombstones')) return [name, twice, protocol, /./]
      return [name, /bare|late/.test(name) ? late : forced, protocol, /./]
    }),
  ]

  it.each(cases)(
    '%s',
    (name, instance, protocol, expected) => {
      expect(sound(instance)).toBeNull()
      const { violation, states } = run(instance, protocol!)
      console.info(`${name}: ${violation?.text} after ${violation?.run.length} steps (${states} states)`)
      expect(violation?.text).toMatch(expected)
    },
    timeoutMs,
  )

  it.each(Object.entries(stuckProtocols))('%s: comes to no end', (_, protocol) => {
    const instance = instanceOf(2, 0, { moves: 1, aborts: 1 }, lossy)
    expect(fairDelivery(run(instance, real).table, modelOf(instance, real)).stuck).toBeNull()
    expect(fairDelivery(run(instance, real).table, modelOf(instance, protocol)).stuck).not.toBeNull()
  })
})
