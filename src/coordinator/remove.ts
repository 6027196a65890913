import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import { noteDeparture } from './departures.ts'

/**
 * Forgets a tenant and frees what it claimed; its node is sent a config without it and asked what it used in all.
 * The next tenant of that name starts above its epochs, so that a late message about the old one changes nothing.
 *
 * @returns why not: it is being moved, or has just been
 */
export function deleteTenant(store: CoordinatorStore, name: string, revision: number): string | undefined {
  const row = store.tenant(name)
  if (row === undefined) return undefined
  if (store.all('SELECT 1 FROM moves WHERE tenant = ? AND due_ms IS NOT NULL', name).length > 0) {
    return 'is being moved; wait until the migration is done, or abort it'
  }
  if (arrivedUnlisted(store, row)) return 'has just moved; try again when its node has confirmed it'
  for (const table of ['moves', 'strays', 'checkpoints'])
    store.run(`DELETE FROM ${table} WHERE tenant = ?`, name)
  store.setNumber('epoch_floor', Math.max(store.number('epoch_floor'), row.issued_epoch))
  store.run('DELETE FROM tenants WHERE name = ?', name)
  store.run('DELETE FROM claims WHERE tenant = ?', name)
  store.run('DELETE FROM hosts WHERE tenant = ?', name)
  if (row.node !== null) {
    noteDeparture(store, row.node, { tenant: name, epoch: row.epoch })
    store.touchNode(row.node, revision)
  }
  store.wakeTroubled()
  return undefined
}

/**
 * Whether a tenant came to its node by a move and no config has named it there yet: one without it would say
 * nothing, and its account would stay.
 */
function arrivedUnlisted(store: CoordinatorStore, { name, node, config_generation }: TenantRow): boolean {
  if (node === null || store.all('SELECT 1 FROM moves WHERE tenant = ?', name).length === 0) return false
  return store.node(node)!.acked_generation < config_generation
}

/**
 * Marks a node as going away. Its row stays until the node object has confirmed that it holds nothing.
 *
 * @returns why not: tenants still live there
 */
export function deleteNode(
  store: CoordinatorStore,
  name: string,
  revision: number,
  nowMs: number,
): string | undefined {
  const tenants = store.tenantsOn(name)
  if (tenants.length > 0) {
    const names = tenants.slice(0, 3).map((tenant) => tenant.name)
    const more = tenants.length > names.length ? ` and ${tenants.length - names.length} more` : ''
    return `has tenants (${names.join(', ')}${more}); drain it first`
  }
  store.run('UPDATE nodes SET deleted_ms = ?, revision = ? WHERE name = ?', nowMs, revision, name)
  store.touchNode(name, revision)
  return undefined
}
