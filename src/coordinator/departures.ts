import { toTokens } from '../core/amount.ts'
import type { Departure, FinalUsage } from '../core/departures.ts'
import type { Usage } from '../core/usage.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'

/** Notes that the account of a deleted tenant is to be closed on its node, and its usage asked for. */
export function noteDeparture(store: CoordinatorStore, node: string, { tenant, epoch }: Departure): void {
  store.run('INSERT OR REPLACE INTO departures VALUES (?, ?, ?)', tenant, epoch, node)
}

/** The deleted tenants whose final usage a node has not told yet. */
export function departuresFrom(store: CoordinatorStore, node: string): Departure[] {
  return store.all<{ tenant: string; epoch: number }>(
    'SELECT tenant, epoch FROM departures WHERE node = ? ORDER BY tenant, epoch',
    node,
  )
}

/**
 * Writes final usage to the journal. Belongs into the transaction that books a node's answer: with it the note
 * goes, so that an answer that comes again says nothing twice.
 */
export function acceptFinalUsage(
  store: CoordinatorStore,
  node: string,
  finals: readonly FinalUsage[],
  nowMs: number,
): void {
  const open = new Set(departuresFrom(store, node).map(({ tenant, epoch }) => `${tenant} ${epoch}`))
  for (const { tenant, epoch, usage } of finals) {
    if (!open.delete(`${tenant} ${epoch}`)) continue
    store.run('DELETE FROM departures WHERE tenant = ? AND epoch = ?', tenant, epoch)
    const message = usage === null ? `${node} has no account of it` : inWords(usage)
    record(store, { kind: 'Tenant', name: tenant, reason: 'FinalUsage', message }, nowMs)
  }
}

function inWords(usage: Usage): string {
  const { admitted, refused, unreachable, shadowed, bytesIn, bytesOut } = usage
  return [
    `spent ${toTokens(usage.spent)} tokens`,
    `${toTokens(usage.presumed)} more presumed`,
    `requests: ${admitted} admitted, ${refused} refused, ${unreachable} unreachable, ${shadowed} shadowed`,
    `bytes: ${bytesIn} in, ${bytesOut} out`,
  ].join('; ')
}
