import type { JournalEvent, TenantView } from '../core/coordinator-api.ts'
import { eventForTenant } from '../core/feed.ts'
import type { Principal } from './env.ts'

const ASK = 'ask the operator'

/** A tenant's own view without what it says of the machines and so of its neighbours. */
export function forTenant(principal: Principal, view: TenantView): TenantView {
  if (principal.tenant === undefined) return view
  const conditions = view.status.conditions.map((condition) =>
    condition.status === 'True' ? condition : { ...condition, message: ASK },
  )
  return { ...view, status: { ...view.status, conditions } }
}

/** A tenant's own events without who caused them and what they say of the machines. */
export function eventsFor(principal: Principal, events: readonly JournalEvent[]): readonly JournalEvent[] {
  if (principal.tenant === undefined) return events
  return events.map(eventForTenant)
}
