import { parseScenario } from '../simulate/scenario.ts'
import { runSharing } from '../simulate/sharing-run.ts'
import type { Report, RunOptions } from './groups.ts'

/** Everything that can grow; one node's tenants, requests and edges unless there are more nodes. */
interface Size {
  readonly perSecond: number
  readonly tenants: number
  readonly edges: number
  readonly nodes: number
}

const ONE: Size = { perSecond: 2_000, tenants: 20, edges: 8, nodes: 1 }
const RTT_MS = 20

interface Cost {
  readonly messagesPerSecond: number
  readonly messagesPer1000: number
  readonly waited: number
  /** CPU of edges, node and simulator together. */
  readonly cpuMicros: number
}

/** Tenants inside their base, requests spread evenly over tenants, nodes and edges. */
function costOf({ perSecond, tenants, edges, nodes }: Size, durationMs: number): Cost {
  const own = tenants / nodes
  const rate = perSecond / tenants
  const before = process.cpuUsage()
  let messages = 0
  let direct = 0
  for (let node = 0; node < nodes; node++) {
    const traffic = [{ fromMs: 0, toMs: durationMs, perSecond: rate, arrivals: 'poisson' }]
    const scenario = parseScenario({
      ...{ capacity: own * rate * 1.5, durationMs, edges, rttMs: [RTT_MS, RTT_MS], seed: node + 1 },
      tenants: Array.from({ length: own }, (_, i) => ({ name: `t${i}`, base: rate * 1.4, traffic })),
    })
    const { messagesPer1000, zeroHop } = runSharing(scenario)
    messages += (messagesPer1000 * own * rate * durationMs) / 1e6
    const shares = Object.values(zeroHop)
    direct += shares.reduce((sum, share) => sum + share, 0) / shares.length / nodes
  }
  const { user, system } = process.cpuUsage(before)
  const requests = (perSecond * durationMs) / 1_000
  return {
    messagesPerSecond: messages / (durationMs / 1_000),
    messagesPer1000: (messages * 1_000) / requests,
    waited: 1 - direct,
    cpuMicros: (user + system) / requests,
  }
}

/**
 * Messages of one edge to one node by how many requests a second pass between them, of one tenant or spread over a
 * hundred: what docs/scale.md reckons with.
 */
function pairCost(perSecond: number, tenants: number, roundMs: number) {
  const edges = 10
  const rate = (perSecond * edges) / tenants
  const durationMs = perSecond > 50 ? 20_000 : 60_000
  const traffic = [{ fromMs: 0, toMs: durationMs, perSecond: rate, arrivals: 'poisson' }]
  const scenario = parseScenario({
    ...{ capacity: 3 * perSecond * edges + 500, roundMs, durationMs, edges, rttMs: [60, 60] },
    tenants: Array.from({ length: tenants }, (_, i) => ({ name: `t${i}`, base: 1.5 * rate + 3, traffic })),
  })
  const { messagesPer1000, zeroHop } = runSharing(scenario)
  const shares = Object.values(zeroHop)
  const direct = shares.reduce((sum, share) => sum + share, 0) / shares.length
  return {
    ...{ 'round, s': roundMs / 1_000, tenants, 'requests/s': perSecond },
    'messages per request': Number((messagesPer1000 / 1_000).toFixed(3)),
    'messages/s': Number(((messagesPer1000 * perSecond) / 1_000).toFixed(2)),
    'waited for the node': `${(100 * (1 - direct)).toFixed(1)} %`,
  }
}

function pairRows(progress: (line: string) => void): object[] {
  return [1_000, 10_000].flatMap((roundMs) =>
    [1, 100].flatMap((tenants) => {
      progress(`one edge and one node, ${tenants} tenants, rounds of ${roundMs / 1_000} s`)
      return [0.3, 1, 10, 100].map((perSecond) => pairCost(perSecond, tenants, roundMs))
    }),
  )
}

/** How cost grows with each thing alone, in the simulator: the real ledger and lease book. */
export async function growthReport({ seconds, progress }: RunOptions): Promise<Report> {
  const durationMs = seconds >= 60 ? 10_000 : 3_000
  const sizes: readonly (readonly [string, Size])[] = [
    ['to begin with', ONE],
    ['requests × 10', { ...ONE, perSecond: 10 * ONE.perSecond }],
    ['tenants × 10', { ...ONE, tenants: 10 * ONE.tenants }],
    ['edges × 10', { ...ONE, edges: 10 * ONE.edges }],
    ['nodes × 10', { ...ONE, nodes: 10 * ONE.nodes }],
  ]
  costOf(ONE, durationMs)
  const costs = sizes.map(([what, size]) => {
    const cost = costOf(size, durationMs)
    progress(`${what}: ${cost.messagesPerSecond.toFixed(0)} messages/s`)
    return { what, size, cost }
  })
  const rows = costs.map(({ what, size, cost }) => ({
    ...{ what, ...size },
    'messages/s': Math.round(cost.messagesPerSecond),
    'messages per 1000': Number(cost.messagesPer1000.toFixed(1)),
    'messages/s per edge and node': Number((cost.messagesPerSecond / size.edges / size.nodes).toFixed(2)),
    'waited for the node': `${(100 * cost.waited).toFixed(1)} %`,
    'CPU µs per request': Number(cost.cpuMicros.toFixed(1)),
  }))
  const base = costs[0]!.cost.messagesPerSecond
  const named = ['requests', 'tenants', 'edges', 'nodes'].map((what, i) => [
    `messagesAt10Times${what[0]!.toUpperCase()}${what.slice(1)}`,
    costs[i + 1]!.cost.messagesPerSecond / base,
  ])
  const pairs = pairRows(progress)
  return {
    tables: { 'each alone, ten times as much': rows, 'one edge and one node, 60 ms apart': pairs },
    ratios: Object.fromEntries(named),
    notes: [],
  }
}
