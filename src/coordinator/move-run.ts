import type { TenantCapsule } from '../core/capsule.ts'
import type { NodeApi } from '../core/control.ts'
import { nextMessages } from '../core/migration/coordinator-side.ts'
import type { MigrationTerms, Placement } from '../core/migration/placement.ts'
import type { NodeAnswer, Outgoing } from '../core/migration/types.ts'
import type { MoveStore } from './move-store.ts'

type Place = Placement<TenantCapsule>
type Answer = NodeAnswer<TenantCapsule>

/** How the run reaches a node object. */
export type MovableNode = Pick<NodeApi, 'migrate'>

/** Durations of a move, ms. */
export const MOVE_TERMS: MigrationTerms = { retryFirstMs: 250, retryMaxMs: 5_000, drainMs: 60_000 }

/** Migrations driven at a time, and how long a node may take to answer a step, ms. */
const PARALLEL = 32
const STEP_TIMEOUT_MS = 5_000

/**
 * Pause before a message and before its answer is booked, ms: where nodes and edges share a machine, calls among
 * them come before what the network brings, and requests would wait for a whole move instead of one write.
 */
const STEP_PAUSE_MS = 2

/** Where a run gives way to the alarm, in steps of one migration each. */
const MAX_STEPS = 4_000

/** What a run does with the rows. */
export interface MoveBook {
  readonly rows: MoveStore
  /** Books an answer, in one transaction. @returns the row afterwards */
  take(tenant: string, answer: Answer): Place | undefined
}

/**
 * Drives every open migration as far as it goes now, each at its own pace: a node that does not answer holds
 * up its own migrations and no others.
 */
export class MoveRun {
  readonly #book: MoveBook
  readonly #nodeOf: (name: string) => MovableNode
  /** Tenants whose migrations are being driven, the run they belong to, and the steps it may still begin. */
  readonly #driven = new Set<string>()
  #run: PromiseWithResolvers<void> | undefined
  #stepsLeft = MAX_STEPS

  constructor(book: MoveBook, nodeOf: (name: string) => MovableNode) {
    this.#book = book
    this.#nodeOf = nodeOf
  }

  /** Runs until nothing goes further; calls during a run take up what was planned since. */
  run(): Promise<void> {
    if (this.#run === undefined) {
      this.#run = Promise.withResolvers()
      this.#stepsLeft = MAX_STEPS
    }
    const { promise } = this.#run
    this.#pump()
    return promise
  }

  /** Begins what is due; when nothing is under way any more, the run is over. */
  #pump(): void {
    for (const tenant of this.#due()) {
      if (this.#driven.size >= PARALLEL) break
      if (this.#driven.has(tenant)) continue
      this.#driven.add(tenant)
      void this.#drive(tenant)
        .catch((error: unknown) => console.error(`a step of ${tenant} failed:`, error))
        .finally(() => {
          this.#driven.delete(tenant)
          this.#pump()
        })
    }
    if (this.#driven.size > 0) return
    this.#run?.resolve()
    this.#run = undefined
  }

  #due(): string[] {
    if (this.#driven.size >= PARALLEL || this.#stepsLeft <= 0) return []
    return this.#book.rows.due(Date.now(), MOVE_TERMS.retryMaxMs, PARALLEL + this.#driven.size)
  }

  /**
   * Sends what is due and books the answer, again and again. That a message was sent is written only where the
   * migration goes no further: every write costs a wait for the disk, and a message that is sent again after a
   * crash changes nothing.
   */
  async #drive(tenant: string): Promise<void> {
    const { rows } = this.#book
    let place = rows.stored(tenant)
    while (place !== undefined && this.#stepsLeft > 0) {
      const { placement, messages } = nextMessages(place, Date.now(), MOVE_TERMS)
      const [message] = messages
      if (message === undefined) return
      this.#stepsLeft--
      await scheduler.wait(STEP_PAUSE_MS)
      const answer = await this.#send(message)
      await scheduler.wait(STEP_PAUSE_MS)
      const after = answer === undefined ? rows.stored(tenant) : this.#book.take(tenant, answer)
      if (after !== undefined && isSameStep(place, after)) {
        rows.postpone({ ...after, retry: placement.retry })
        return
      }
      place = after
    }
  }

  async #send({ to, message }: Outgoing<TenantCapsule>): Promise<Answer | undefined> {
    let timer: ReturnType<typeof setTimeout> | null = null
    try {
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), STEP_TIMEOUT_MS)
      })
      return await Promise.race([this.#nodeOf(to).migrate(message), late])
    } catch (error) {
      console.error(`${to} did not answer ${message.kind} of ${message.tenant}:`, error)
      return undefined
    } finally {
      if (timer !== null) clearTimeout(timer)
    }
  }
}

/** Whether a migration is where it was: each step it takes is in its history. */
function isSameStep(before: Place, after: Place): boolean {
  const [one, other] = [before.migration, after.migration]
  return one?.epoch === other?.epoch && one?.history.length === other?.history.length
}
