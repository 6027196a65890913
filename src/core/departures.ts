import type { SessionRow } from './session.ts'
import type { TenantRow } from './sessions.ts'
import { addUsage, noUsage, type Usage } from './usage.ts'

/** A tenant that was deleted and lived on a node: its account there, up to `epoch`, is to be closed for good. */
export interface Departure {
  readonly tenant: string
  readonly epoch: number
}

/** What a deleted tenant has used in all, micro-tokens; null when the node knows no account of it. */
export interface FinalUsage extends Departure {
  readonly usage: Usage | null
}

/**
 * The final usage of every tenant a configuration names as deleted. A node keeps what it has answered until the
 * coordinator no longer asks: an answer can be lost, and by then the account is gone.
 *
 * @param kept what was answered before
 * @param close closes the account, if it is here, and returns what it was
 */
export function settleDepartures(
  departed: readonly Departure[],
  kept: readonly FinalUsage[],
  close: (departure: Departure) => TenantRow | undefined,
): FinalUsage[] {
  const known = new Map(kept.map((final) => [keyOf(final), final]))
  return departed.map((departure) => {
    const { tenant, epoch } = departure
    const final = known.get(keyOf(departure))
    if (final !== undefined) return final
    const row = close(departure)
    return { tenant, epoch, usage: row === undefined ? null : finalUsage(row) }
  })
}

/** What a tenant and its devices have used; what edges still hold of their leases is presumed spent. */
export function finalUsage({ desk, devices }: TenantRow): Usage {
  const sum = noUsage()
  for (const { usage, sessions } of [desk, ...devices.map((device) => device.desk)]) {
    addUsage(sum, usage)
    for (const session of sessions) sum.presumed += unreported(session)
  }
  return sum
}

function unreported({ granted, totals }: SessionRow): number {
  return Math.max(0, granted - totals.used)
}

function keyOf({ tenant, epoch }: Departure): string {
  return `${tenant} ${epoch}`
}
