/**
 * Time for measuring silence, from a wall clock that may be set: it never goes back, and a jump ahead
 * counts for no more than the longest pause that makes a difference.
 */
export class SteadyClock {
  #wallMs: number
  #steadyMs = 0

  constructor(wallMs: number) {
    this.#wallMs = wallMs
  }

  /** @returns milliseconds since the clock was made, as far as they can be trusted. */
  read(wallMs: number, longestPauseMs: number): number {
    const passedMs = Math.max(0, wallMs - this.#wallMs)
    this.#wallMs = wallMs
    this.#steadyMs += Math.min(passedMs, longestPauseMs)
    return this.#steadyMs
  }
}
