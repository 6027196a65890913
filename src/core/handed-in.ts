import type { TenantCapsule } from './capsule.ts'
import { freshRow, type HandedIn } from './late-usage.ts'
import type { Booking } from './migration/strays.ts'
import { migrationId, type NodeAnswer } from './migration/types.ts'

/** A node's answer to `retire`. */
export type RetiredAnswer = NodeAnswer<TenantCapsule> & { readonly kind: 'retired' }

/**
 * What the owner of an account is told of a node that was passed over and has answered. With nothing to book, the owner
 * still learns that nothing more will come from that node; of sessions it is told nothing then, it may know them better.
 */
export function handedInOf(
  { tenant, epoch, node }: RetiredAnswer,
  booking: Booking<TenantCapsule> | null,
): HandedIn {
  const nothing = freshRow(tenant, epoch)
  const id = `${migrationId(tenant, epoch)}:${node}`
  return { id, node, from: booking?.from.row ?? nothing, to: booking?.to.row ?? nothing }
}
