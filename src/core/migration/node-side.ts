/** The node's side of the protocol: one function for every message, and what ends a tombstone. */

import { abort } from './node-abort.ts'
import { handoff, install, prepare, pull, release } from './node-move.ts'
import { retire, takeover } from './node-takeover.ts'
import type { NodeFacts, NodeMessage, NodeStep, TenantRow } from './types.ts'

/**
 * Handles one message at a node.
 * @param row what the node's storage holds of the tenant, `null` for nothing
 * @param message any step; its sender is never asked, an old or repeated one changes nothing
 * @param facts what the handler has to know of the node
 * @returns the new row and the change of the ledger, to be written in one transaction before `answer` and
 *   `send` leave the node
 */
export function onNodeMessage<Capsule>(
  row: TenantRow<Capsule> | null,
  message: NodeMessage<Capsule>,
  facts: NodeFacts<Capsule>,
): NodeStep<Capsule> {
  switch (message.kind) {
    case 'prepare':
      return prepare(row, message, facts)
    case 'handoff':
      return handoff(row, message, facts)
    case 'install':
      return install(row, message, facts)
    case 'pull':
      return pull(row, message, facts)
    case 'release':
      return release(row, message, facts)
    case 'abort':
      return abort(row, message, facts)
    case 'takeover':
      return takeover(row, message, facts)
    case 'retire':
      return retire(row, message, facts)
  }
}

/**
 * Forgets a tombstone whose time has come. Safe once no message of its epochs can still be under way: only
 * `prepare` and `takeover` create a row from nothing, and the coordinator stops sending them before the
 * tombstone is written.
 * @returns the row to keep, `null` to delete it
 */
export function sweep<Capsule>(row: TenantRow<Capsule> | null, nowMs: number): TenantRow<Capsule> | null {
  return row?.role === 'gone' && nowMs >= row.keepUntilMs ? null : row
}
