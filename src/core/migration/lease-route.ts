/** What a node does with an edge's lease message, by where the tenant's account is. */

import { installMessage } from './node-move.ts'
import type { Home, Install, Pull, TenantRow } from './types.ts'

/** The part of a lease message that decides where it goes. */
export interface LeaseAsk {
  readonly tenant: string
  /** Epoch the edge knows, 0 for none. */
  readonly epoch: number
  /** Whether another node has passed it on; such a message is never passed on again. */
  readonly forwarded: boolean
}

/** What the node knows besides its row. */
export interface LeaseFacts {
  readonly node: string
  /** Whether this node's own lease to serve is live (`mayServe`). */
  readonly mayServe: boolean
  /** Whether forwarding has ended: leases granted here have lapsed and forwards have become rare. */
  readonly drained: boolean
}

/**
 * - `serve`: from the account here; `moved` tells an edge with an older epoch where to ask next time.
 * - `forward`: one hop to the target, with the capsule in the same message unless it is known to be there.
 * - `hold`: keep the message, send `pull` to `from`; when the capsule is installed route it again, when the
 *   answer is `not-yet` (or none comes) answer `moved` with `otherwise`.
 * - `moved`: the edge asks there, invisibly to the client.
 * - `wait`: the account is here but this node's lease to serve has lapsed: answer like an unreachable node.
 * - `unknown`: the edge asks the coordinator's directory.
 */
export type LeaseRoute<Capsule> =
  | { readonly kind: 'serve'; readonly moved: Home | null }
  | { readonly kind: 'forward'; readonly to: string; readonly install: Install<Capsule> }
  | { readonly kind: 'hold'; readonly from: string; readonly pull: Pull; readonly otherwise: Home }
  | { readonly kind: 'moved'; readonly home: Home }
  | { readonly kind: 'wait' }
  | { readonly kind: 'unknown' }

/**
 * Routes a lease message. An edge that knows a newer epoch than this node is never served here: this node
 * has been passed over and will be told so.
 */
export function routeLease<Capsule>(
  row: TenantRow<Capsule> | null,
  ask: LeaseAsk,
  facts: LeaseFacts,
): LeaseRoute<Capsule> {
  if (row === null) return { kind: 'unknown' }
  const { tenant } = ask
  switch (row.role) {
    case 'active':
      if (ask.epoch > row.epoch) return { kind: 'unknown' }
      if (!facts.mayServe) return { kind: 'wait' }
      return { kind: 'serve', moved: ask.epoch < row.epoch ? { node: facts.node, epoch: row.epoch } : null }
    case 'staged': {
      if (ask.epoch > row.epoch) return { kind: 'unknown' }
      const pull = { kind: 'pull', tenant, epoch: row.epoch } as const
      return { kind: 'hold', from: row.source.node, pull, otherwise: row.source }
    }
    case 'forwarding': {
      if (ask.epoch > row.target.epoch) return { kind: 'unknown' }
      if (facts.drained || ask.forwarded) return { kind: 'moved', home: row.target }
      return { kind: 'forward', to: row.target.node, install: installMessage(tenant, row) }
    }
    case 'retired':
    case 'gone':
      if (row.home === null || ask.epoch > row.home.epoch) return { kind: 'unknown' }
      return { kind: 'moved', home: row.home }
  }
}
