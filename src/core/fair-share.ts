/** What one account brings to the sharing of a round. All amounts are micro-tokens per round. */
export interface Claimant {
  /** Tokens of its own that it may spend this round: max(0, balance). */
  readonly ownTokens: number
  /** What it is expected to ask for. */
  readonly demandTokens: number
  /** What of that it gets in any case: its own tokens as far as they are wanted. */
  readonly entitledTokens: number
  /** Most it may have in a round, borrowed tokens included; `Infinity` without a ceiling. */
  readonly ceilingTokens: number
  /** Part of its idle tokens nobody else may use, 0…1. */
  readonly reserved: number
  readonly weight: number
  /** 0 is served first. */
  readonly priority: number
  readonly borrows: boolean
}

/**
 * Shares `total` among the claimants: first everybody's own tokens as far as they are wanted, then, one
 * priority after the other, a weighted max-min share of the *total* among those that want more and may
 * borrow. What somebody leaves idle but does not lend stays set aside.
 *
 * @returns micro-tokens for each claimant, in their order, rounded down. O(n log n).
 */
export function fairShare(total: number, claimants: readonly Claimant[]): Float64Array {
  const shares = new Float64Array(claimants.length)
  const hungry: number[] = []
  let left = total
  for (let i = 0; i < claimants.length; i++) {
    const c = claimants[i]!
    const already = c.entitledTokens
    shares[i] = already
    left -= already + Math.floor(c.reserved * Math.max(0, c.ownTokens - already))
    if (c.borrows && c.weight > 0 && targetOf(c) > already) hungry.push(i)
  }
  hungry.sort((i, j) => claimants[i]!.priority - claimants[j]!.priority)
  for (let from = 0; from < hungry.length && left > 0; ) {
    const priority = claimants[hungry[from]!]!.priority
    let to = from
    while (to < hungry.length && claimants[hungry[to]!]!.priority === priority) to++
    left -= fill(left, hungry.slice(from, to), claimants, shares)
    from = to
  }
  return shares
}

function targetOf(c: Claimant): number {
  return Math.min(c.demandTokens, c.ceilingTokens)
}

/**
 * Raises a common water level θ until `left` is used up: claimant i rises from what it has already to
 * min(target, θ·weight).
 *
 * @returns what was given out.
 */
function fill(
  left: number,
  members: readonly number[],
  claimants: readonly Claimant[],
  shares: Float64Array,
): number {
  const level = waterLevel(left, members, claimants, shares)
  let given = 0
  for (const i of members) {
    const c = claimants[i]!
    const raised = Math.min(targetOf(c), Math.floor(level * c.weight))
    if (raised <= shares[i]!) continue
    given += raised - shares[i]!
    shares[i] = raised
  }
  return given
}

function waterLevel(
  left: number,
  members: readonly number[],
  claimants: readonly Claimant[],
  shares: Float64Array,
): number {
  // Each member adds its weight to the slope where it starts to rise and takes it away at its target.
  const events: { level: number; slope: number }[] = []
  for (const i of members) {
    const c = claimants[i]!
    events.push({ level: shares[i]! / c.weight, slope: c.weight })
    events.push({ level: targetOf(c) / c.weight, slope: -c.weight })
  }
  events.sort((a, b) => a.level - b.level)
  let level = 0
  let slope = 0
  let remaining = left
  for (const event of events) {
    const needed = slope * (event.level - level)
    if (needed >= remaining && slope > 0) return level + remaining / slope
    remaining -= needed
    level = event.level
    slope += event.slope
  }
  return Number.POSITIVE_INFINITY
}
