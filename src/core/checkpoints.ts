import type { TenantCapsule } from './capsule.ts'
import type { NodeConfig } from './control.ts'
import type { NodeLife } from './node-life.ts'
import type { Places } from './places.ts'

/** A state of an account, told to the coordinator: a forced takeover starts from the last one. */
export interface Checkpoint {
  readonly tenant: string
  /** Epoch of the account. */
  readonly epoch: number
  /** The life of the node and how many sessions it had opened: all of them are in the capsule or long over. */
  readonly life: number
  readonly opened: number
  readonly capsule: TenantCapsule
}

/** The state of a tenant's account now; undefined where none is live here. */
export function checkpointOf(
  tenant: string,
  places: Places,
  life: NodeLife,
  config: NodeConfig,
): Checkpoint | undefined {
  const row = places.get(tenant)?.row
  if (row?.role !== 'active') return undefined
  const capsule = places.capsule(tenant, life, config)
  return { tenant, epoch: row.epoch, life: life.epoch, opened: life.sessions.opened, capsule }
}

/**
 * Whose turn it is to be told: accounts that were never told first, then those that have changed since, the one
 * that waited longest first. Kept in memory only: after a restart all are told again.
 */
export class CheckpointTurns {
  /** What each account had counted when it was told, the longest ago first. */
  readonly #told = new Map<string, string>()

  /** Takes up to `most` turns. When they did not arrive, {@link giveBack} them. */
  take(most: number, places: Places, life: NodeLife, config: NodeConfig): Checkpoint[] {
    const due = new Map<string, string>()
    for (const [tenant, epoch] of places.active()) {
      const stamp = `${epoch} ${countedBy(life, tenant)}`
      if (this.#told.get(tenant) !== stamp) due.set(tenant, stamp)
    }
    const never = [...due.keys()].filter((tenant) => !this.#told.has(tenant))
    const again = [...this.#told.keys()].filter((tenant) => due.has(tenant))
    return [...never, ...again].slice(0, most).flatMap((tenant) => {
      this.#told.delete(tenant)
      const checkpoint = checkpointOf(tenant, places, life, config)
      if (checkpoint === undefined) return []
      this.#told.set(tenant, due.get(tenant)!)
      return [checkpoint]
    })
  }

  giveBack(checkpoints: readonly Checkpoint[]): void {
    for (const { tenant } of checkpoints) this.#told.delete(tenant)
  }
}

/** Grows whenever anything of the account was reported or granted. */
function countedBy({ sessions }: NodeLife, tenant: string): number {
  let sum = sessions.account(tenant)?.spentTotal ?? 0
  for (const device of [undefined, ...sessions.devices(tenant)]) {
    const usage = sessions.desk(tenant, device)?.usage
    if (usage !== undefined) sum += usage.spent + usage.admitted + usage.refused + usage.unreachable
  }
  return sum
}
