import { Hono, type MiddlewareHandler } from 'hono'
import { ADMISSION_BUCKETS, type EdgeFigures } from '../core/edge-tally.ts'
import type { FeedSnapshot } from '../core/feed.ts'
import { operators } from './authenticate.ts'
import { deviceMetrics } from './device-metrics.ts'
import { type AdminHono, MAIN, MIN_SECRET_LENGTH } from './env.ts'
import { METRICS_TYPE, MetricsPage } from './metrics-text.ts'
import { Problem } from './problem.ts'
import { sameBytes, sha256 } from './secret.ts'
import { tenantMetrics } from './tenant-metrics.ts'

/**
 * `/_stint/metrics` in the Prometheus text format, for an operator's token with scope `read` or for the
 * metrics token. What nodes and tenants did comes from the feed object and is the same whoever is asked;
 * `stint_isolate_*` is what the edge isolate that the request came by has counted by itself.
 */
export function metricsRoutes(who: MiddlewareHandler<AdminHono>) {
  const readers = operators('read')
  return new Hono<AdminHono>().get('/_stint/metrics', async (c) => {
    if (!(await hasMetricsToken(c.req.header('authorization'), c.env.STINT_METRICS_TOKEN ?? ''))) {
      await who(c, async () => {
        await readers(c, async () => {})
      })
    }
    if (c.env.FEED === undefined) throw new Problem(503, 'no-feed', 'no feed object is bound')
    const page = new MetricsPage()
    nodeMetrics(page, await c.env.FEED.getByName(MAIN).snapshot())
    if (c.env.figures !== undefined) isolateMetrics(page, c.env.figures)
    return c.body(page.toString(), 200, { 'content-type': METRICS_TYPE })
  })
}

async function hasMetricsToken(header: string | undefined, secret: string): Promise<boolean> {
  if (secret.length < MIN_SECRET_LENGTH) return false
  const presented = /^Bearer ([!-~]{1,512})$/i.exec(header ?? '')?.[1] ?? ''
  const [a, b] = await Promise.all([sha256(presented), sha256(secret)])
  return sameBytes(a, b)
}

function nodeMetrics(page: MetricsPage, snapshot: FeedSnapshot): void {
  const { nodes, tenants, leftOut, placing, atMs } = snapshot
  const phases = Map.groupBy(nodes, ({ phase }) => phase)
  const byPhase = page.family('stint_nodes', 'gauge', 'Nodes by phase.')
  for (const [phase, { length }] of phases) byPhase.add(length, { phase })
  const gauge = (name: string, help: string, value: (node: (typeof nodes)[number]) => number | null) => {
    const family = page.family(name, 'gauge', help)
    for (const node of nodes) {
      const known = value(node)
      if (known !== null) family.add(known, { node: node.name })
    }
  }
  gauge('stint_node_up', 'Whether the node object answered the last question.', (it) =>
    it.reachable ? 1 : 0,
  )
  gauge('stint_node_cordoned', 'Whether the node takes no new tenants.', (it) => (it.cordoned ? 1 : 0))
  gauge('stint_node_capacity_tokens', 'Tokens per second the node can take.', (it) => it.capacity)
  gauge('stint_node_reserved_tokens', 'Tokens per second promised to tenants.', (it) => it.reserved)
  gauge('stint_node_spent_tokens', 'Tokens per second spent on the node.', (it) => it.spent)
  gauge('stint_node_pool_tokens', 'Tokens left of the running round.', (it) => it.pool)
  gauge('stint_node_power_watts', 'Power drawn, by the power curve at the load.', (it) => it.watts)
  page.family('stint_tenants', 'gauge', 'Tenants.').add(tenants.length + leftOut)
  const placed = tenants.filter(({ node }) => node !== undefined).length
  page.family('stint_tenants_unplaced', 'gauge', 'Tenants without a node.').add(tenants.length - placed)
  tenantMetrics(page, tenants)
  deviceMetrics(page, snapshot)
  const moves = page.family(
    'stint_migrations',
    'gauge',
    'Migrations under way, and those that ended and are kept.',
  )
  for (const [state, count] of Object.entries(placing.migrations)) moves.add(count, { state })
  const distance = page.family(
    'stint_plan_distance_ratio',
    'gauge',
    'How far the newest plan is above the lower bound of each term, as a share of the bound.',
  )
  for (const [term, share] of Object.entries(placing.plan?.distance ?? {})) {
    if (share !== null) distance.add(share, { term })
  }
  page.family('stint_feed_timestamp_seconds', 'gauge', 'When nodes were asked last.').add(atMs / 1_000)
}

function isolateMetrics(page: MetricsPage, tally: EdgeFigures): void {
  page
    .family('stint_isolate_messages_total', 'counter', 'Messages of this isolate to nodes.')
    .add(tally.messages)
  const decisions = page.family(
    'stint_isolate_admissions_total',
    'counter',
    'Admission decisions of this isolate: from memory (zero hops), or after waiting.',
  )
  decisions.add(tally.atOnce, { path: 'memory' })
  decisions.add(tally.waited, { path: 'waited' })
  const refusals = page.family(
    'stint_isolate_refusals_total',
    'counter',
    'Requests this isolate answered itself instead of forwarding them, by reason.',
  )
  for (const [reason, count] of Object.entries(tally.refusals)) refusals.add(count, { reason })
  page
    .family('stint_isolate_waiting_requests', 'gauge', 'Requests that wait in this isolate now.')
    .add(tally.waiting)
  const latency = page.family(
    'stint_isolate_admission_seconds',
    'histogram',
    'Time from a request to its admission or refusal in this isolate.',
  )
  let sum = 0
  for (const [i, bound] of ADMISSION_BUCKETS.entries()) {
    sum += tally.buckets[i]!
    latency.add(sum, { le: String(bound) }, '_bucket')
  }
  sum += tally.buckets[ADMISSION_BUCKETS.length]!
  latency.add(sum, { le: '+Inf' }, '_bucket')
  latency.add(tally.waitedSeconds, {}, '_sum')
  latency.add(sum, {}, '_count')
}
