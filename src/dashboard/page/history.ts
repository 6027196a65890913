/** Moments kept for the charts: about five minutes. */
export const MOMENTS = 300

/** What a tenant did per second at each moment. */
interface Track {
  readonly admitted: Float32Array
  readonly refused: Float32Array
}

/** The last moments of every tenant that did anything, on one time axis. */
export class History {
  readonly #atMs: number[] = []
  readonly #tracks = new Map<string, Track>()
  #next = 0

  /** Begins a moment in which nobody did anything yet. */
  begin(atMs: number): void {
    const at = this.#next % MOMENTS
    this.#atMs[at] = atMs
    for (const track of this.#tracks.values()) {
      track.admitted[at] = 0
      track.refused[at] = 0
    }
    this.#next++
  }

  /** Notes requests per second at the moment begun last. */
  note(tenant: string, admitted: number, refused: number): void {
    if (admitted === 0 && refused === 0 && !this.#tracks.has(tenant)) return
    let track = this.#tracks.get(tenant)
    if (track === undefined) {
      track = { admitted: new Float32Array(MOMENTS), refused: new Float32Array(MOMENTS) }
      this.#tracks.set(tenant, track)
    }
    const at = (this.#next - 1) % MOMENTS
    track.admitted[at] = admitted
    track.refused[at] = refused
  }

  /** Moments in order, seconds since 1970. */
  times(): number[] {
    return this.#order().map((at) => this.#atMs[at]! / 1_000)
  }

  /** A tenant's values in the order of {@link times}. */
  values(tenant: string, of: keyof Track): number[] {
    const track = this.#tracks.get(tenant)?.[of]
    return this.#order().map((at) => track?.[at] ?? 0)
  }

  /** The tenants that did most of it, the busiest first. */
  busiest(of: keyof Track, count: number): string[] {
    const sums = [...this.#tracks].map(([tenant, track]) => {
      let sum = 0
      for (const value of track[of]) sum += value
      return { tenant, sum }
    })
    return sums
      .filter(({ sum }) => sum > 0)
      .sort((a, b) => b.sum - a.sum || (a.tenant < b.tenant ? -1 : 1))
      .slice(0, count)
      .map(({ tenant }) => tenant)
  }

  #order(): number[] {
    const from = Math.max(0, this.#next - MOMENTS)
    return Array.from({ length: this.#next - from }, (_, i) => (from + i) % MOMENTS)
  }
}
