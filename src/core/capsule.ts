import type { PlacedTenant } from './control.ts'
import type { TenantRow } from './sessions.ts'

/**
 * What moves with a tenant: its debt, sessions, usage and settings. Its balance does not: the target opens a
 * fresh base, so that nobody is refused because of a move; a move hands out at most one base more.
 */
export interface TenantCapsule {
  readonly placed: PlacedTenant
  readonly row: TenantRow
}

/** Of two states of one account the later one: usage only grows. Of equals the second: it may know more sessions. */
export function latestCapsule(a: TenantCapsule, b: TenantCapsule): TenantCapsule {
  return totalOf(b) < totalOf(a) ? a : b
}

function totalOf({ row }: TenantCapsule): number {
  return [row, ...row.devices].reduce((sum, { desk, spentTotal }) => {
    const { spent, admitted, refused, unreachable, shadowed, bytesIn, bytesOut } = desk.usage
    return sum + spentTotal + spent + admitted + refused + unreachable + shadowed + bytesIn + bytesOut
  }, 0)
}
