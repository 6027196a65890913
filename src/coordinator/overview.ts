import { toTokens } from '../core/amount.ts'
import {
  FEED_LIMITS,
  type Overview,
  type OverviewNode,
  type OverviewQuery,
  type PlacingSummary,
} from '../core/feed.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { Plan } from '../core/planner/model.ts'
import { powerCurve } from '../core/planner/power.ts'
import type { CoordinatorStore, NodeRow } from './coordinator-store.ts'
import { readEvents } from './journal.ts'
import { nodeView } from './views.ts'

/** What the live feed and the metrics need, read in one go; tenants only when something has changed. */
export function overview(store: CoordinatorStore, query: OverviewQuery): Overview {
  const { revision } = store
  const rows = store.all<NodeRow>('SELECT * FROM nodes ORDER BY name')
  const after = query.afterSeq === null ? {} : { after: query.afterSeq }
  const tenants = query.revision === revision ? null : readTenants(store)
  return {
    revision,
    nodes: rows.map((row) => overviewNode(store, row)),
    tenants: tenants?.slice(0, FEED_LIMITS.tenants) ?? null,
    leftOut: Math.max(0, countTenants(store) - FEED_LIMITS.tenants),
    placing: placingOf(store),
    events: readEvents(store, { ...after, limit: FEED_LIMITS.events }),
  }
}

function overviewNode(store: CoordinatorStore, row: NodeRow): OverviewNode {
  const { manifest, status } = nodeView(store, row)
  const { zone, power, standbyWatts }: NodeManifest['spec'] = manifest.spec
  const { phase, capacity, reserved, tenants } = status
  return {
    name: row.name,
    phase,
    ...(zone === undefined ? {} : { zone }),
    capacity,
    reserved,
    tenants,
    cordoned: row.cordoned === 1 || row.cordon_ms !== null,
    draining: row.drain_ms !== null,
    ...(power === undefined ? {} : { watts: powerCurve('watts' in power ? power.watts : power) }),
    ...(standbyWatts === undefined ? {} : { standbyWatts }),
  }
}

function placingOf(store: CoordinatorStore): PlacingSummary {
  const [moves] = store.all<{ n: number; ended: number }>(
    'SELECT COUNT(*) AS n, COUNT(ended_ms) AS ended FROM move_log',
  )
  const [newest] = store.all<{ id: number; moves: number; plan: string }>(
    'SELECT id, moves, plan FROM plans ORDER BY id DESC LIMIT 1',
  )
  return {
    migrations: { open: moves!.n - moves!.ended, ended: moves!.ended },
    plan:
      newest === undefined
        ? null
        : {
            id: newest.id,
            moves: newest.moves,
            distance: (JSON.parse(newest.plan) as Pick<Plan, 'distance'>).distance,
          },
  }
}

function readTenants(store: CoordinatorStore) {
  const rows = store.all<{ name: string; node: string | null; epoch: number; base_micro: number }>(
    'SELECT name, node, epoch, base_micro FROM tenants ORDER BY name LIMIT ?',
    FEED_LIMITS.tenants,
  )
  return rows.map(({ name, node, epoch, base_micro }) => ({
    name,
    ...(node === null ? {} : { node }),
    epoch,
    base: toTokens(base_micro),
  }))
}

function countTenants(store: CoordinatorStore): number {
  return store.all<{ n: number }>('SELECT COUNT(*) AS n FROM tenants')[0]!.n
}
