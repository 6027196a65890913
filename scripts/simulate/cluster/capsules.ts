import type { TenantCapsule } from '../../../src/core/capsule.ts'
import { Ledger } from '../../../src/core/ledger.ts'
import { accountOf } from '../../../src/core/placed.ts'
import type { DeskRow } from '../../../src/core/session.ts'
import { Sessions } from '../../../src/core/sessions.ts'
import type { Spec } from './plan.ts'

/** A new account of a tenant. */
export function freshCapsule(tenant: string, spec: Spec, roundMs: number): TenantCapsule {
  const placed = { tenant, epoch: 0, spec }
  const account = accountOf(placed, roundMs)
  const ledger = new Ledger({ roundTokens: account.settings.baseTokens, roundMs, nowMs: 0 })
  const sessions = new Sessions({ ledger, life: '', nowMs: 0 })
  sessions.open(account)
  return { placed, row: sessions.row(tenant)! }
}

/** Counts everything outstanding as spent; sessions end, their edges open new ones. */
export function presumeSpent(capsule: TenantCapsule): TenantCapsule {
  const { row } = capsule
  const devices = row.devices.map((device) => ({ ...device, desk: presumed(device.desk) }))
  return { ...capsule, row: { ...row, desk: presumed(row.desk), devices } }
}

function presumed({ usage, sessions }: DeskRow): DeskRow {
  const outstanding = sessions.reduce((sum, session) => sum + session.granted - session.totals.used, 0)
  return { usage: { ...usage, presumed: usage.presumed + outstanding }, sessions: [], lapsed: [] }
}
