import type { Phase } from './migration/placement.ts'

/** A migration for people and programs. Times are ms since 1970. */
export interface MigrationView {
  /** `TENANT:EPOCH`. */
  readonly id: string
  readonly tenant: string
  /** Epoch the move leads to. */
  readonly epoch: number
  readonly from: string
  readonly to: string
  /** Who or what asked for it, and why. */
  readonly reason: string
  readonly phase: Phase
  readonly startedMs: number
  /** When it was DONE or ABORTED; absent while it is open. */
  readonly endedMs?: number | undefined
  /** When each phase began; the difference to the next is how long it took. */
  readonly steps: readonly { readonly phase: Phase; readonly atMs: number }[]
  /** The last refusal of a node, as a sentence. */
  readonly lastRefusal?: string | undefined
}

/** A move that is asked for. */
export interface NewMigration {
  readonly tenant: string
  readonly to: string
  readonly reason?: string
}

/** Which migrations to list, the newest first. */
export interface MigrationQuery {
  readonly limit: number
  readonly tenant?: string
  /** Only those that are open. */
  readonly open?: boolean
}
