import { describe, expect, test } from 'vitest'
import { DirectGate } from '../../scripts/simulate/direct-gate.ts'
import { Events } from '../../scripts/simulate/events.ts'
import { type Claimant, fairShare } from '../../src/core/fair-share.ts'
import { Decision, Ledger } from '../../src/core/ledger.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { granted, near, offered } from './reference.ts'

describe('dmclock, ceph/dmclock@d9204e25', () => {
  /** Everybody keeps five requests waiting; counts who is served in the rounds given. */
  function pull(
    clients: readonly { baseTokens: number; weight: number }[],
    roundTokens: number,
    rounds: number,
  ) {
    const ledger = new Ledger({ roundTokens, roundMs: 1000, nowMs: 0 })
    const accounts = clients.map((client, i) => ledger.open(`c${i}`, client))
    const counts = clients.map(() => 0)
    for (let nowMs = 0; nowMs < (2 + rounds) * 1000; nowMs += 1000) {
      for (let i = 0; i < 5; i++) {
        accounts.forEach((account, k) => {
          if (ledger.spend(account, 1, nowMs) <= Decision.borrowed && nowMs >= 2000) counts[k]!++
        })
      }
    }
    return counts
  }

  test('test_dmclock_server.cc, pull_weight: weights 1 and 2, six pulls give 2 and 4', () => {
    const clients = [1, 2].map((weight) => ({ baseTokens: 0, weight }))
    expect(pull(clients, 6, 1)).toEqual([2, 4])
  })

  test('test_dmclock_server.cc, pull_reservation: reservations 2 and 1, six pulls give 4 and 2', () => {
    const clients = [2, 1].map((baseTokens) => ({ baseTokens, weight: 0 }))
    expect(pull(clients, 3, 2)).toEqual([4, 2])
  })

  test('sim/dmc_sim_example.conf: max-min shares without the 18 s in which dmclock collects old debts', () => {
    const from = (startS: number, cost = 1) => offered([[startS, 38, 200]], cost)
    const { windows } = granted(
      {
        capacity: 160,
        roundMs: 500,
        tenants: [
          { name: '0', base: 0, weight: 1, traffic: from(0) },
          { name: '1', base: 0, weight: 1, ceiling: 40, traffic: from(5) },
          { name: '2', base: 0, weight: 2, ceiling: 50, traffic: from(10) },
          { name: '3', base: 0, weight: 2, ceiling: 50, traffic: from(10, 3) },
        ],
      },
      [
        [1, 5],
        [6, 10],
        [12, 28],
      ],
    )
    const expected = [
      [160, 0, 0, 0],
      [120, 40, 0, 0],
      [30, 30, 50, 50],
    ]
    expected.forEach((shares, i) => {
      shares.forEach((share, k) => {
        near(windows[i]![k], share, 0.05, `window ${i} client ${k}`)
      })
    })
  })
})

test('mClock (OSDI 2010, introduction, scaled by a tenth): floors 25, 25, 0 and weights 1, 2, 3 of 120', () => {
  const traffic = offered([[0, 40, 400]])
  const tenants = [
    [25, 1],
    [25, 2],
    [0, 3],
  ].map(([base, weight], i) => ({ name: `${i}`, base, weight, traffic }))
  const { windows } = granted({ capacity: 120, tenants }, [[5, 40]])
  ;[25, 38, 57].forEach((share, i) => {
    near(windows[0]![i], share, 0.03, `client ${i}`)
  })
})

// https://blogs.vmware.com/vsphere/2015/07/sioc-io-distribution-with-reservations-limits-part1.html
describe('VMware Storage I/O Control, 8 000 IOPS, shares 1 000, 2 500, 500 and 1 000', () => {
  const traffic = offered([[0, 12, 8000]])
  const shares = [1000, 2500, 500, 1000]

  test('saturating demand: 1 600, 4 000, 800, 1 600', () => {
    const tenants = shares.map((weight, i) => ({ name: `vm${i}`, base: 0, weight, traffic }))
    const { windows } = granted({ capacity: 8000, tenants }, [[2, 12]])
    ;[1600, 4000, 800, 1600].forEach((share, i) => {
      near(windows[0]![`vm${i}`], share, 0.01, `vm${i}`)
    })
  })

  test('the third limited to 10, the fourth with 2 000 reserved: 1 711, 4 279, 10, 2 000', () => {
    const tenants = shares.map((weight, i) => ({ name: `vm${i}`, base: i === 3 ? 2000 : 0, weight, traffic }))
    const limited = tenants.map((tenant, i) => (i === 2 ? { ...tenant, ceiling: 10 } : tenant))
    const { windows } = granted({ capacity: 8000, tenants: limited }, [[2, 12]])
    ;[1711, 4279, 10, 2000].forEach((share, i) => {
      near(windows[0]![`vm${i}`], share, 0.01, `vm${i}`)
    })
  })
})

// Linux, block/blk-iocost.c: A (weight 100) holds A0 and A1 (100 each), B has 300.
test('iocost’s tree: A0 and A1 a half each while B is idle, then an eighth, an eighth and three quarters', () => {
  const always = offered([[0, 20, 1000]])
  const { windows } = granted(
    {
      capacity: 800,
      tenants: [
        {
          name: 'A',
          base: 0,
          weight: 100,
          devices: [
            { name: 'A0', base: 0, weight: 100, traffic: always },
            { name: 'A1', base: 0, weight: 100, traffic: always },
          ],
        },
        { name: 'B', base: 0, weight: 300, traffic: offered([[10, 20, 1000]]) },
      ],
    },
    [
      [2, 10],
      [12, 20],
    ],
  )
  const expected = [
    [400, 400, 0],
    [100, 100, 600],
  ]
  expected.forEach((shares, i) => {
    ;['A/A0', 'A/A1', 'B'].forEach((name, k) => {
      near(windows[i]![name], shares[k]!, 0.01, `window ${i} ${name}`)
    })
  })
})

describe('fair shares of one round', () => {
  const claimants = (demands: readonly number[], weights: readonly number[] = []): Claimant[] =>
    demands.map((demandTokens, i) => ({
      ownTokens: 0,
      demandTokens,
      entitledTokens: 0,
      ceilingTokens: Number.POSITIVE_INFINITY,
      reserved: 0,
      weight: weights[i] ?? 1,
      priority: 4,
      borrows: true,
    }))

  // Kubernetes, staging/src/k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset, TestFairAlloc
  test.each([
    { demands: [0, 0], capacity: 42, shares: [0, 0] },
    { demands: [47, 0], capacity: 42, shares: [42, 0] },
    { demands: [1, 47], capacity: 42, shares: [1, 41] },
    { demands: [3, 7, 9, 1], capacity: 14, shares: [3, 5, 5, 1] },
    { demands: [1, 9, 7, 3], capacity: 21, shares: [1, 9, 7, 3] },
  ])('Kubernetes APF TestFairAlloc: $demands of $capacity', ({ demands, capacity, shares }) => {
    expect([...fairShare(capacity, claimants(demands))]).toEqual(shares)
  })

  // youtube/doorman@e2b69e17, doc/algorithms.md and go/server/doorman/algorithm_test.go
  test.each([
    { wants: [1000, 50, 10], capacity: 120, gets: [60, 50, 10] },
    { wants: [1000, 60, 10], capacity: 120, gets: [55, 55, 10] },
    { wants: [1000, 500, 200], subclients: [6, 4, 2], capacity: 120, gets: [60, 40, 20] },
    { wants: [2000, 500, 700], subclients: [10, 10, 30], capacity: 1000, gets: [200, 200, 600] },
  ])('Doorman FAIR_SHARE: $wants of $capacity', ({ wants, subclients, capacity, gets }) => {
    expect([...fairShare(capacity, claimants(wants, subclients))]).toEqual(gets)
  })
})

// Kubernetes, fairqueuing/queueset/queueset_test.go: a seat for a second is a token.
describe('Kubernetes API priority and fairness', () => {
  test('TestUniformFlowsHandSize1: two clients of 8 threads on 4 seats have 2 each', () => {
    const traffic = { threads: 8, calls: 20, execMs: 1000, thinkMs: 1000 }
    const tenants = ['0', '1'].map((name) => ({ name, base: 0, weight: 1, traffic }))
    const { windows } = granted({ capacity: 4, tenants }, [[0, 50]])
    near(windows[0]!['0'], 2, 0.1, 'client 0')
    near(windows[0]!['1'], 2, 0.1, 'client 1')
  })

  test('TestWindup: 3 seats, the second client’s second thread comes at 20 s: fair at once', () => {
    const seat = 1_000_000
    const ledger = new Ledger({ roundTokens: 3 * seat, roundMs: 1000, nowMs: 0 })
    const sessions = new Sessions({ ledger, life: 'sim', nowMs: 0 })
    for (const tenant of ['0', '1'])
      sessions.open({ tenant, epoch: 1, settings: { baseTokens: 0, weight: 1 } })
    const events = new Events()
    const gate = new DirectGate(sessions, events)
    const served = [
      [0, 0],
      [0, 0],
    ]
    const thread = (client: number) => {
      gate.request(`${client}`, undefined, seat, 1e12, () => {
        if (events.nowMs < 20_000) served[0]![client]!++
        if (events.nowMs >= 21_000) served[1]![client]!++
        events.after(1000, () => thread(client))
      })
    }
    for (const [client, fromMs] of [
      [0, 0],
      [0, 0],
      [1, 0],
      [1, 20_000],
    ] as const)
      events.at(fromMs, () => thread(client))
    events.runUntil(40_999)
    expect(served[0]![0]! / 20).toBeCloseTo(2, 0)
    expect(served[0]![1]! / 20).toBeCloseTo(1, 0)
    near(served[1]![0]! / 20, 1.5, 0.05, 'client 0, second half')
    near(served[1]![1]! / 20, 1.5, 0.05, 'client 1, second half')
  })
})

/** Wake-up of a lender, measured with a prototype of the ledger: rounds of 100 ms, bases 1 000, 500 and 100. */
test('wake-up: who borrowed pays nothing, who wakes has its base at once, nobody starves', () => {
  const tenants = [
    ['A', 1000, 10],
    ['B', 500, 0],
    ['C', 100, 0],
  ].map(([name, base, fromS]) => ({
    name,
    base,
    traffic: offered([[fromS as number, 20, 2000]]),
  }))
  const gaps = Array.from({ length: 40 }, (_, i) => [10 + i / 4, 10 + (i + 1) / 4] as const)
  const { windows, largest } = granted({ capacity: 1600, roundMs: 100, tenants }, [
    [2, 10],
    [10, 11],
    [12, 20],
    ...gaps,
  ])
  const [before, first, after, ...quarters] = windows
  near(before!['B'], 4000 / 3, 0.02, 'B before')
  near(before!['C'], 800 / 3, 0.02, 'C before')
  near(after!['A'], 1000, 0.02, 'A after')
  near(after!['B'], 500, 0.02, 'B after')
  near(after!['C'], 100, 0.02, 'C after')
  near(first!['A'], 1000, 0.05, 'A in the first second')
  near(first!['B'], 511, 0.1, 'B in the first second')
  near(first!['C'], 102, 0.1, 'C in the first second')
  // Carrying debts over, unclamped, left C without a token for 16.7 s.
  for (const quarter of quarters) expect(quarter['C']).toBeGreaterThan(50)
  expect(largest).toBeLessThanOrEqual(1.7)
})
