import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { HandedIn } from '../../../src/core/late-usage.ts'
import type { Placement } from '../../../src/core/migration/placement.ts'
import { plain } from './node-disk.ts'
import type { Spec } from './plan.ts'

/** A tenant as it is wanted, and where it lives as far as the coordinator knows. */
export interface TenantState {
  readonly name: string
  readonly spec: Spec
  readonly placement: Placement<TenantCapsule>
}

/** A node as it is wanted, and what it has confirmed. */
export interface NodeEntry {
  readonly name: string
  readonly generation: number
  readonly acked: number
  readonly draining: boolean
}

/** What a node that was passed over has handed in, until the owner of the account has booked it. */
export interface LateBooking extends HandedIn {
  /** What the node answered with, for the model. */
  readonly capsule: TenantCapsule | null
}

/** All that a coordinator keeps. */
export interface CoordinatorState {
  readonly tenants: Map<string, TenantState>
  readonly nodes: Map<string, NodeEntry>
  readonly bookings: Map<string, LateBooking>
}

/** What one transaction of the coordinator writes. */
export interface CoordinatorTransaction {
  readonly tenants: readonly TenantState[]
  readonly nodes: readonly NodeEntry[]
  readonly booking: LateBooking | null
  /** Id of what the owner has booked. */
  readonly booked: string | null
}

/** The coordinator's durable rows; read as text is. */
export class CoordinatorDisk {
  readonly #state: CoordinatorState = { tenants: new Map(), nodes: new Map(), bookings: new Map() }

  apply({ tenants, nodes, booking, booked }: CoordinatorTransaction): void {
    for (const tenant of tenants) this.#state.tenants.set(tenant.name, tenant)
    for (const node of nodes) this.#state.nodes.set(node.name, node)
    if (booking !== null) this.#state.bookings.set(booking.id, booking)
    if (booked !== null) this.#state.bookings.delete(booked)
  }

  read(): CoordinatorState {
    const { tenants, nodes, bookings } = this.#state
    return {
      tenants: new Map(plain([...tenants])),
      nodes: new Map(plain([...nodes])),
      bookings: new Map(plain([...bookings])),
    }
  }
}
