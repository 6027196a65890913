import type { CoordinatorStore } from './coordinator-store.ts'
import { evacuate, evacuationDueMs } from './evacuation.ts'
import type { LateBookings } from './late-bookings.ts'
import type { Moves } from './moves.ts'
import type { ReconcileLoop } from './reconcile.ts'
import type { Takeovers } from './takeovers.ts'

/** How long one run holds up the alarm, ms. */
const PATIENCE_MS = 250

/** The coordinator's own work between what it is asked: tenants are placed, nodes told, migrations driven, nodes emptied. */
export class Upkeep {
  readonly #store: CoordinatorStore
  readonly #loop: ReconcileLoop
  readonly #moves: Moves
  readonly #takeovers: Takeovers
  readonly #late: LateBookings
  #underWay: Promise<void> | undefined

  constructor(
    store: CoordinatorStore,
    loop: ReconcileLoop,
    moves: Moves,
    takeovers: Takeovers,
    late: LateBookings,
  ) {
    this.#store = store
    this.#loop = loop
    this.#moves = moves
    this.#takeovers = takeovers
    this.#late = late
  }

  /**
   * Does all that is due. A node that does not answer holds up its own news and nobody else's: after a while
   * this returns although something is under way, and {@link pauseMs} says when to look again.
   */
  async run(): Promise<void> {
    this.#evacuate()
    const own = Promise.all([this.#moves.run(), this.#late.run(Date.now())])
    this.#underWay ??= this.#finish(own).finally(() => {
      this.#underWay = undefined
    })
    await Promise.race([this.#underWay, scheduler.wait(PATIENCE_MS)])
  }

  /** Least time until the next run: what is under way stays due until it is answered, ms. */
  get pauseMs(): number {
    return this.#underWay === undefined ? 10 : PATIENCE_MS
  }

  async #finish(own: Promise<unknown>): Promise<void> {
    await Promise.all([this.#loop.run(), own])
    // A commit is news for both nodes; what left a drained node makes room for the next.
    if (this.#evacuate() > 0) await this.#moves.run()
    await this.#loop.run()
  }

  #evacuate(): number {
    return evacuate(this.#store, this.#moves, this.#takeovers, Date.now())
  }

  /** When something is due; a node that is emptied is looked at again, in case there is room now. */
  dueMs(): number | undefined {
    const evacuationMs = evacuationDueMs(this.#store, this.#takeovers, Date.now())
    const all = [this.#loop.dueMs(), this.#moves.dueMs(), this.#late.dueMs(), evacuationMs]
    const due = all.filter((it) => it !== undefined)
    return due.length > 0 ? Math.min(...due) : undefined
  }
}
