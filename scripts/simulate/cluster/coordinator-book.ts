import {
  CoordinatorDisk,
  type CoordinatorState,
  type LateBooking,
  type NodeEntry,
  type TenantState,
} from './coordinator-disk.ts'
import type { Disk } from './disk.ts'
import type { ClusterParts } from './parts.ts'

/** What one object of the coordinator has in memory of its durable rows: read at its start, written through. */
export class CoordinatorBook {
  /** Undefined while no object runs. */
  state: CoordinatorState | undefined
  readonly #rows = new CoordinatorDisk()
  readonly #writes: Disk
  readonly #recall: ClusterParts['recall']

  constructor(writes: Disk, recall: ClusterParts['recall']) {
    this.#writes = writes
    this.#recall = recall
  }

  /** An object starts from what is durable. */
  begin(): void {
    const state = this.#rows.read()
    for (const [name, tenant] of state.tenants) {
      state.tenants.set(name, { ...tenant, placement: this.#recall(tenant.placement) })
    }
    this.state = state
  }

  /** The object is gone with all that was not durable. */
  crash(): void {
    this.state = undefined
    this.#writes.crash()
  }

  armCrash(crash: () => void): void {
    this.#writes.armCrash(crash)
  }

  /** Does `run` when all that was written before is durable. */
  whenDurable(run: () => void): void {
    this.#writes.whenDurable(run)
  }

  /** One transaction: in memory at once, durable some time later. */
  save(write: {
    readonly tenants?: readonly TenantState[]
    readonly nodes?: readonly NodeEntry[]
    readonly booking?: LateBooking | null
    readonly booked?: string
  }): void {
    const state = this.state!
    const { tenants = [], nodes = [], booking = null, booked = null } = write
    for (const tenant of tenants) state.tenants.set(tenant.name, tenant)
    for (const node of nodes) state.nodes.set(node.name, node)
    if (booking !== null) state.bookings.set(booking.id, booking)
    if (booked !== null) state.bookings.delete(booked)
    this.#writes.write(() => this.#rows.apply({ tenants, nodes, booking, booked }))
  }

  /** Nodes that have something to learn, with a new generation of their configuration. */
  renewed(names: readonly (string | null)[]): NodeEntry[] {
    const { nodes } = this.state!
    const generation = Math.max(...Array.from(nodes.values(), (node) => node.generation)) + 1
    return names.flatMap((name) => (name === null ? [] : [{ ...nodes.get(name)!, generation }]))
  }
}
