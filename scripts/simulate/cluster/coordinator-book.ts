import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { Booking } from '../../../src/core/migration/strays.ts'
import {
  CoordinatorDisk,
  type CoordinatorState,
  type NodeEntry,
  type TenantState,
} from './coordinator-disk.ts'
import type { Disk } from './disk.ts'

/** What one object of the coordinator has in memory of its durable rows: read at its start, written through. */
export class CoordinatorBook {
  /** Undefined while no object runs. */
  state: CoordinatorState | undefined
  readonly #rows = new CoordinatorDisk()
  readonly #writes: Disk

  constructor(writes: Disk) {
    this.#writes = writes
  }

  /** An object starts from what is durable. */
  begin(): void {
    this.state = this.#rows.read()
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
    readonly booking?: Booking<TenantCapsule> | null
  }): void {
    const state = this.state!
    const { tenants = [], nodes = [], booking = null } = write
    for (const tenant of tenants) state.tenants.set(tenant.name, tenant)
    for (const node of nodes) state.nodes.set(node.name, node)
    if (booking !== null) state.bookings.push(booking)
    this.#writes.write(() => this.#rows.apply({ tenants, nodes, booking }))
  }

  /** Nodes that have something to learn, with a new generation of their configuration. */
  renewed(names: readonly (string | null)[]): NodeEntry[] {
    const { nodes } = this.state!
    const generation = Math.max(...Array.from(nodes.values(), (node) => node.generation)) + 1
    return names.flatMap((name) => (name === null ? [] : [{ ...nodes.get(name)!, generation }]))
  }
}
