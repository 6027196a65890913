import { err, ok } from '../core/result.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import type { Moves } from './moves.ts'
import type { MoveTenants } from './plans-run.ts'

/** Whether an open migration has the node at one of its ends, or one that has ended left something there. */
const TOUCHED = `SELECT 1 FROM moves WHERE due_ms IS NOT NULL AND (source = ?1 OR target = ?1)
  UNION ALL SELECT 1 FROM strays WHERE node = ?1 LIMIT 1`

/** Plans move tenants through migrations like everybody else. */
export function plannedMoves(store: CoordinatorStore, moves: Moves): MoveTenants {
  return {
    start(tenant, to, reason) {
      const started = moves.start({ tenant, to, reason }, Date.now())
      if (started.ok) return ok(undefined)
      const { message = 'refused', refusal } = started.error[0] ?? {}
      // A node takes part in as many migrations as it may: the same works once one has ended.
      return err({ again: refusal === 'busy-node', message })
    },
    isOpen: (tenant) => moves.isOpen(tenant),
    touches: (node) => store.all(TOUCHED, node).length > 0,
    drive: () => moves.run(),
  }
}
