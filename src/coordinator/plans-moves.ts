import { err, ok } from '../core/result.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import type { Moves } from './moves.ts'
import type { MoveTenants } from './plans-run.ts'

/** Says that a node takes part in as many migrations as it may; the same works once one has ended. */
const BUSY = /as many migrations as it may/

/** Whether an open migration has the node at one of its ends, or one that has ended left something there. */
const TOUCHED = `SELECT 1 FROM moves WHERE (due_ms IS NOT NULL AND (source = ?1 OR target = ?1))
  OR EXISTS (SELECT 1 FROM json_each(value, '$.strays') WHERE json_extract(json_each.value, '$.node') = ?1)
  LIMIT 1`

/** Plans move tenants through migrations like everybody else. */
export function plannedMoves(store: CoordinatorStore, moves: Moves): MoveTenants {
  return {
    start(tenant, to, reason) {
      const started = moves.start({ tenant, to, reason }, Date.now())
      if (started.ok) return ok(undefined)
      const message = started.error[0]?.message ?? 'refused'
      return err({ again: BUSY.test(message), message })
    },
    isOpen: (tenant) => moves.isOpen(tenant),
    touches: (node) => store.all(TOUCHED, node).length > 0,
    drive: () => moves.run(),
  }
}
