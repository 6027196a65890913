import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { Placement } from '../../../src/core/migration/placement.ts'
import { migrationId } from '../../../src/core/migration/types.ts'
import type { ClusterTally } from './tally.ts'

type Place = Placement<TenantCapsule>

/** Counts how migrations end. */
export class EndTally {
  readonly #tally: ClusterTally
  readonly #calm = new Set<string>()

  constructor(tally: ClusterTally) {
    this.#tally = tally
  }

  /** A move was asked for while nothing was wrong. */
  expectCalm({ tenant, issuedEpoch }: Place): void {
    this.#calm.add(migrationId(tenant, issuedEpoch))
  }

  /** A row has changed. */
  note(before: Place, { migration }: Place): void {
    if (migration === null || migration.phase === before.migration?.phase) return
    const { tenant, epoch, phase, forced } = migration
    if (phase === 'ABORTED') this.#tally.count(forced ? 'takeoverAborted' : 'moveAborted')
    if (phase !== 'DONE') return
    this.#tally.count(forced ? 'takeoverDone' : 'moveDone')
    if (this.#calm.has(migrationId(tenant, epoch))) this.#tally.count('calmMoveDone')
  }
}
