import { LOOP } from './reconcile.ts'

/** How long a crash may hold up what was just asked for, ms. */
const SOON_MS = 1_000

/** When something is due, ms; undefined for never. */
export interface Due {
  dueMs(): number | undefined
}

/** The object's one alarm: rings for whatever is due first. */
export class Alarm {
  readonly #storage: Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm'>
  readonly #parts: readonly Due[]
  readonly #pauseMs: () => number

  /** @param pauseMs least time until the alarm rings again */
  constructor(
    storage: Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm'>,
    parts: readonly Due[],
    pauseMs: () => number,
  ) {
    this.#storage = storage
    this.#parts = parts
    this.#pauseMs = pauseMs
  }

  /** Sets it to the next thing that is due, after a pause. */
  async set(): Promise<void> {
    const due = this.#parts.map((part) => part.dueMs()).filter((it) => it !== undefined)
    if (due.length > 0) await this.#storage.setAlarm(Math.max(Math.min(...due), Date.now() + this.#pauseMs()))
  }

  /**
   * Has `work` run after what was asked for is answered, and by the alarm should this object be gone before.
   * What is due is looked up then, not while somebody waits.
   */
  async soon(work: () => Promise<void>, waitUntil: (work: Promise<void>) => void): Promise<void> {
    await this.#storage.setAlarm(Date.now() + SOON_MS)
    waitUntil(
      scheduler
        .wait(LOOP.pauseMs)
        .then(work)
        .then(() => this.set()),
    )
  }

  /** Sets it where there is none, or where it rings later than anything can be due: its clock was set back. */
  async check(longestMs: number): Promise<void> {
    const atMs = await this.#storage.getAlarm()
    if (atMs === null || atMs > Date.now() + longestMs) await this.set()
  }
}
