/** How arrivals are spaced: evenly, or independently at random (a Poisson process). */
export type Arrivals = 'even' | 'poisson'

/**
 * Draws the arrival times of one tenant before anything is sent, so that a slow server cannot slow the offer.
 *
 * Even arrivals start at a random phase, so that tenants of one rate do not fire in step; there are
 * `perSecond` of them in every second. Poisson arrivals exceed their mean in some seconds by chance: a tenant
 * that must stay inside its guarantee has to be driven evenly.
 *
 * @returns ascending offsets from the start in ms, all below `seconds`
 */
export function drawArrivals(
  perSecond: number,
  seconds: number,
  arrivals: Arrivals,
  random: () => number,
): Float64Array {
  const times: number[] = []
  const durationMs = seconds * 1_000
  if (perSecond <= 0) return new Float64Array(0)
  const gapMs = 1_000 / perSecond
  if (arrivals === 'even') {
    const phaseMs = random() * gapMs
    for (let k = 0; phaseMs + k * gapMs < durationMs; k++) times.push(phaseMs + k * gapMs)
  } else {
    const step = () => -Math.log(1 - random()) * gapMs
    for (let atMs = step(); atMs < durationMs; atMs += step()) times.push(atMs)
  }
  return Float64Array.from(times)
}

/** A generator of numbers in [0, 1) from a seed and a name (mulberry32 over an FNV-1a hash of both). */
export function seededRandom(seed: number, name: string): () => number {
  let state = 2_166_136_261
  for (const char of `${seed}/${name}`) state = Math.imul(state ^ char.codePointAt(0)!, 16_777_619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
