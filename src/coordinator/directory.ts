import type { HostRoutes, Route } from '../core/control.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'

/** Where a tenant lives now; null when there is no such tenant. */
export function routeOfTenant(store: CoordinatorStore, tenant: string): Route | null {
  const row = store.tenant(tenant)
  return row === undefined ? null : toRoute(store, row, new Map())
}

/**
 * The tenants of a host name, and those that are found on any host; null when there are neither.
 *
 * @param host in the form of `normalizeHost`
 */
export function routesOfHost(store: CoordinatorStore, host: string): HostRoutes | null {
  const rows = store.all<TenantRow>(
    "SELECT tenants.* FROM tenants JOIN hosts ON hosts.tenant = tenants.name WHERE hosts.host IN (?, '')",
    host,
  )
  if (rows.length === 0) return null
  const nodes = new Map<string, NodeManifest['spec']>()
  return { host, routes: rows.map((row) => toRoute(store, row, nodes)) }
}

function toRoute(store: CoordinatorStore, row: TenantRow, nodes: Map<string, NodeManifest['spec']>): Route {
  const { spec } = JSON.parse(row.serving ?? row.manifest) as TenantManifest
  if (row.node === null) {
    return { tenant: row.name, epoch: row.issued_epoch, upstream: { echo: {} }, roundMs: 1_000, policy: spec }
  }
  let node = nodes.get(row.node)
  if (node === undefined) {
    node = (JSON.parse(store.node(row.node)!.manifest) as NodeManifest).spec
    nodes.set(row.node, node)
  }
  return {
    tenant: row.name,
    epoch: row.epoch,
    node: row.node,
    upstream: node.origin,
    roundMs: node.roundMs,
    policy: spec,
  }
}
