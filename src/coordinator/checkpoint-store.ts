import type { TenantCapsule } from '../core/capsule.ts'
import type { Checkpoint } from '../core/checkpoints.ts'
import { type Inherited, inheritFrom } from '../core/late-usage.ts'
import { recordCheckpoint } from '../core/migration/coordinator-side.ts'
import type { Placement } from '../core/migration/placement.ts'
import type { CoordinatorStore } from './coordinator-store.ts'

/** States of accounts that all nodes together may tell per second: each is one row written. */
const CHECKPOINTS_PER_SECOND = 10

/** How many states one report may bring when so many nodes report every `intervalMs`. */
export function checkpointsPerReport(nodes: number, intervalMs: number): number {
  return Math.max(1, Math.floor((CHECKPOINTS_PER_SECOND * intervalMs) / 1_000 / Math.max(1, nodes)))
}

type Row = { node: string; epoch: number; life: number; opened: number; value: string }

/** The last state of each account its node has told; a forced takeover starts from it. */
export class CheckpointStore {
  readonly #store: CoordinatorStore

  constructor(store: CoordinatorStore) {
    this.#store = store
  }

  /** Keeps what a node tells of tenants that live there, at the epoch they have; all else is late. */
  record(node: string, checkpoints: readonly Checkpoint[], nowMs: number): void {
    for (const { tenant, epoch, life, opened, capsule } of checkpoints) {
      this.#store.run(
        `INSERT OR REPLACE INTO checkpoints (tenant, node, epoch, life, opened, at_ms, value)
         SELECT name, node, epoch, ?4, ?5, ?6, ?7 FROM tenants WHERE name = ?1 AND node = ?2 AND epoch = ?3`,
        tenant,
        node,
        epoch,
        life,
        opened,
        nowMs,
        JSON.stringify(capsule),
      )
    }
  }

  /** The tenant's place with the last state its owner told, unless the account has left the owner since. */
  recall(place: Placement<TenantCapsule>): Placement<TenantCapsule> {
    const [row] = this.#store.all<Row>('SELECT * FROM checkpoints WHERE tenant = ?', place.tenant)
    if (row === undefined) return place
    const { node, epoch, life, opened } = row
    const told = JSON.parse(row.value) as TenantCapsule
    const capsule = { ...told, row: inheritFrom(told.row, [{ node, life, opened } satisfies Inherited]) }
    return recordCheckpoint(place, { node, epoch }, capsule)
  }
}
