import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { parseScenario } from '../../scripts/simulate/scenario.ts'
import { runSharing } from '../../scripts/simulate/sharing-run.ts'

const DURATION_MS = 30_000
const always = (perSecond: number) => [{ fromMs: 0, toMs: DURATION_MS, perSecond }]
const SEEDS = [1, 2, 3]

describe.each(SEEDS)('eight edges, 10 to 60 ms round trips, seed %i', (seed) => {
  test('A inside its base loses nothing, B and C flood and share what is left 5 : 1', () => {
    const report = runSharing(
      parseScenario({
        capacity: 1600,
        durationMs: DURATION_MS,
        seed,
        edges: 8,
        rttMs: [10, 60],
        tenants: [
          { name: 'A', base: 1000, traffic: always(800) },
          { name: 'B', base: 500, traffic: always(8000) },
          { name: 'C', base: 100, traffic: always(8000) },
        ],
        report: [
          [0, DURATION_MS],
          [5_000, DURATION_MS],
        ],
      }),
    )
    const [whole, settled] = report.windows
    expect(whole!.refused['A']).toBe(0)
    for (const [name, share] of [
      ['B', 2000 / 3],
      ['C', 400 / 3],
    ] as const) {
      const off = settled!.granted[name]! - share
      expect(Math.abs(off), name).toBeLessThanOrEqual(0.02 * share)
    }
    expect(report.messagesPer1000).toBeLessThanOrEqual(5)
    expect(report.zeroHop['A']).toBeGreaterThanOrEqual(0.98)
    expect(report.zeroHop['B']).toBeGreaterThanOrEqual(0.85)
    expect(report.zeroHop['C']).toBeGreaterThanOrEqual(0.85)
    expect(report.largestWindowOverRound).toBeLessThanOrEqual(1.5)
  })

  test('forty tenants inside a base of 5 beside one flood: none of them is refused', () => {
    const small = Array.from({ length: 40 }, (_, i) => ({ name: `t${i}`, base: 5, traffic: always(4) }))
    const report = runSharing(
      parseScenario({
        capacity: 1000,
        durationMs: DURATION_MS,
        seed,
        edges: 8,
        rttMs: [10, 60],
        tenants: [...small, { name: 'flood', base: 100, traffic: always(4000) }],
      }),
    )
    const { granted, refused } = report.windows[0]!
    for (const { name } of small) {
      expect(refused[name], name).toBe(0)
      expect(granted[name], name).toBeGreaterThan(3.9)
    }
    expect(granted['flood']).toBeGreaterThan(800)
  })
})

describe.each(SEEDS)('fifty edges, seed %i', (seed) => {
  test('a tenant that returns to nine tenths of its base as a round begins is refused nothing', () => {
    // The flood asks for a whole round as soon as one is due, so rounds begin at about 1 000, 2 000 … ms.
    const returns = [5_020, 7_020].map((fromMs) => ({ fromMs, toMs: fromMs + 990, perSecond: 450 }))
    const report = runSharing(
      parseScenario({
        ...{ capacity: 1_000, durationMs: 8_500, seed, edges: 50, rttMs: [20, 20] },
        tenants: [
          { name: 'returns', base: 500, traffic: returns },
          { name: 'floods', base: 100, traffic: always(3_000) },
        ],
      }),
    )
    const { granted, refused } = report.windows[0]!
    expect(granted['returns']).toBeGreaterThan(80)
    expect(refused['returns']).toBe(0)
    expect(granted['floods']).toBeGreaterThan(500)
  })
})

describe.each(SEEDS)('demand that varies beside floods, seed %i', (seed) => {
  test('loses little of what its share allows', () => {
    const flood = { base: 50, traffic: always(400) }
    const report = runSharing(
      parseScenario({
        capacity: 160,
        durationMs: DURATION_MS,
        seed,
        edges: 0,
        tenants: [
          { name: 'A', base: 10, weight: 50, traffic: [{ ...always(40)[0]!, arrivals: 'poisson' }] },
          { name: 'B', ...flood },
          { name: 'C', ...flood },
        ],
        report: [[5_000, DURATION_MS]],
      }),
    )
    const { granted, refused } = report.windows[0]!
    // Without head-room it loses about 3.9 of 40.
    expect(refused['A']! / (granted['A']! + refused['A']!)).toBeLessThan(0.08)
  })
})

const SMALL = {
  capacity: 160,
  durationMs: 8_000,
  edges: 2,
  rttMs: [10, 30],
  tenants: [
    { name: 'idle', base: 100 },
    {
      name: 'B',
      base: 50,
      maxWaitMs: 200,
      traffic: [{ fromMs: 0, toMs: 8_000, perSecond: 200, arrivals: 'poisson' }],
    },
    {
      name: 'C',
      base: 10,
      devices: [
        { name: 'open', base: 5, traffic: [{ fromMs: 0, toMs: 8_000, perSecond: 100, cost: 2 }] },
        { name: 'closed', base: 5, traffic: { threads: 2, execMs: 100, thinkMs: 400 } },
      ],
    },
  ],
}

/** Runs the command with a scenario on standard input. */
function simulate(scenario: unknown, ...flags: string[]) {
  const input = typeof scenario === 'string' ? scenario : JSON.stringify(scenario)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['scripts/simulate.ts', 'sharing', '-', ...flags],
    { input, encoding: 'utf8', cwd: new URL('../../', import.meta.url) },
  )
  return { status, stdout, stderr }
}

describe('simulate sharing', () => {
  test('prints the same bytes for the same seed, other ones for another', () => {
    const first = simulate(SMALL, '--json')
    expect(first).toMatchObject({ status: 0, stderr: '' })
    expect(simulate(SMALL, '--json').stdout).toBe(first.stdout)
    expect(simulate(SMALL, '--json', '--seed', '2').stdout).not.toBe(first.stdout)
    const report = JSON.parse(first.stdout)
    expect(Object.keys(report)).toEqual(['windows', 'largestWindowOverRound', 'messagesPer1000', 'zeroHop'])
    expect(report.windows).toHaveLength(1)
    expect(report.windows[0]).toMatchObject({ fromMs: 0, toMs: 8_000 })
    const names = ['idle', 'B', 'C/open', 'C/closed']
    expect(Object.keys(report.windows[0].granted)).toEqual(names)
    expect(Object.keys(report.windows[0].refused)).toEqual(names)
    expect(Object.keys(report.zeroHop)).toEqual(names)
    expect(report.windows[0].granted.idle).toBe(0)
    expect(report.windows[0].granted['C/closed']).toBeGreaterThan(3)
    expect(report.messagesPer1000).toBeGreaterThan(0)
  })

  test('prints a table for people', () => {
    const { status, stdout } = simulate(SMALL)
    expect(status).toBe(0)
    expect(stdout).toMatch(/C\/closed .* 5 /)
    expect(stdout).toMatch(/messages to the node per 1 000 requests: [\d.]+/)
  })

  const [idle, b, c] = SMALL.tenants
  test('tells in one line what is wrong with the file, and ends with 1', () => {
    for (const [input, problem] of [
      ['{', /^simulate: standard input: not JSON/],
      [{ ...SMALL, capacity: 150 }, /^simulate: standard input: tenants: the bases add up to 160/],
    ] as const) {
      const { status, stdout, stderr } = simulate(input)
      expect(status).toBe(1)
      expect(stdout).toBe('')
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(stderr).toMatch(problem)
    }
  })

  test.each([
    [{ ...SMALL, capacity: 150 }, /tenants: the bases add up to 160, more than capacity, 150/],
    [
      { ...SMALL, tenants: [{ ...idle, ceiling: 99 }] },
      /tenants\[0\]\.ceiling: must be at least the base, 100/,
    ],
    [{ ...SMALL, tenants: [idle, idle] }, /tenants\[1\]\.name: "idle" occurs twice/],
    [
      { ...SMALL, tenants: [{ ...c, base: 9 }] },
      /tenants\[0\]\.devices: the bases add up to 10, more than .* 9/,
    ],
    [{ ...SMALL, tenants: [{ ...c, traffic: b!.traffic }] }, /tenants\[0\]\.traffic: the devices have/],
    [{ ...SMALL, tenants: [{ ...idle, base: -1 }] }, /tenants\[0\]\.base: /],
    [{ ...SMALL, tenants: [{ ...idle, weigth: 1 }] }, /tenants\[0\]: .*"weigth"/],
    [
      { ...SMALL, tenants: [{ ...idle, traffic: { threads: 0, execMs: 1, thinkMs: 1 } }] },
      /tenants\[0\]\.traffic\.threads: /,
    ],
    [
      { ...SMALL, tenants: [{ ...idle, traffic: [{ fromMs: 5, toMs: 5, perSecond: 1 }] }] },
      /tenants\[0\]\.traffic\[0\]: must begin before it ends/,
    ],
    [{ ...SMALL, report: [[0, 9_000]] }, /report\[0\]: ends at 9000, after the end/],
    [{ ...SMALL, rttMs: [30, 10] }, /rttMs: the least, 30, is above the most, 10/],
  ])('names the wrong field: %#', (scenario, problem) => {
    expect(() => parseScenario(scenario)).toThrow(problem)
  })
})
