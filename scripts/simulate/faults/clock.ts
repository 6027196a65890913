import type { Events } from '../events.ts'

/** A machine's own clock: it starts anywhere, runs fast or slow, and may be set to another time. */
export class SimClock {
  readonly #events: Events
  readonly #rate: number
  #offsetMs: number

  /** @param rate how fast it runs, 1 exactly like simulated time; real ones drift by less than 1 %. */
  constructor(events: Events, offsetMs: number, rate: number) {
    this.#events = events
    this.#offsetMs = offsetMs
    this.#rate = rate
  }

  /** What the clock shows, whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.#offsetMs + this.#events.nowMs * this.#rate)
  }

  /** Sets the clock; timers that run already are not affected, they count durations. */
  step(byMs: number): void {
    this.#offsetMs += byMs
  }

  /** Simulated time in which this clock advances by `ownMs`. */
  simulatedMs(ownMs: number): number {
    return Math.max(0, ownMs) / this.#rate
  }
}
