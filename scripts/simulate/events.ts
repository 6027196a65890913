/** Simulated time: events in order of their time, ties in the order they were scheduled. */
export class Events {
  readonly #heap: { atMs: number; order: number; run: () => void }[] = []
  #order = 0
  #nowMs = 0

  /** Simulated milliseconds since the start; fractions are possible. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events still to come. */
  get size(): number {
    return this.#heap.length
  }

  /** Schedules `run`; a time in the past means now. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap
    heap.push({ atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run })
    let i = heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!this.#before(i, parent)) break
      this.#swap(i, parent)
      i = parent
    }
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + delayMs, run)
  }

  /** Runs every event up to and including `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const next = this.#pop()
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #pop() {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return top
  }

  #sink(): void {
    const size = this.#heap.length
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < size && this.#before(child, least)) least = child
      if (least === i) return
      this.#swap(i, least)
      i = least
    }
  }

  #before(i: number, j: number): boolean {
    const a = this.#heap[i]!
    const b = this.#heap[j]!
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
  }

  #swap(i: number, j: number): void {
    const heap = this.#heap
    const held = heap[i]!
    heap[i] = heap[j]!
    heap[j] = held
  }
}
