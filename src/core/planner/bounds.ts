/** Nodes alike in everything that counts for a bound. */
export interface NodeClass {
  readonly count: number
  /** Tokens/s each can serve. */
  readonly capacity: number
  /** Price of a node that serves nothing and is allowed to sleep: watts, money per hour, grams per hour. */
  readonly asleep: number
  /** Price of a node that is up, at 0, 10 … 100 % load; same unit. */
  readonly awake: readonly number[]
}

interface Segment {
  readonly tokensPerS: number
  readonly slope: number
}

/**
 * The least any placement can pay for serving `demand` tokens/s: the linear relaxation in which nodes may be
 * split and tenants poured like water. Each node's price is replaced by its lower convex envelope over
 * {asleep at 0} ∪ {awake curve}, and the cheapest segments are filled first, so the result is never above
 * what a real placement pays. Demand beyond all capacity is left out: it cannot be served.
 */
export function fluidBound(classes: readonly NodeClass[], demand: number): number {
  let bound = 0
  const segments: Segment[] = []
  for (const nodes of classes) {
    const hull = lowerHull(nodes)
    bound += nodes.count * hull[0]!.y
    for (let i = 1; i < hull.length; i++) {
      const { x, y } = hull[i]!
      const last = hull[i - 1]!
      const slope = (y - last.y) / ((x - last.x) * nodes.capacity)
      segments.push({ tokensPerS: (x - last.x) * nodes.capacity * nodes.count, slope })
    }
  }
  segments.sort((a, b) => a.slope - b.slope)
  let left = demand
  for (const { tokensPerS, slope } of segments) {
    if (left <= 0) break
    const poured = Math.min(left, tokensPerS)
    bound += poured * slope
    left -= poured
  }
  return bound
}

interface Point {
  readonly x: number
  readonly y: number
}

/** Lower convex hull over the load axis (monotone chain); starts at the cheaper way to serve nothing. */
function lowerHull({ asleep, awake }: NodeClass): Point[] {
  const hull: Point[] = []
  const last = awake.length - 1
  for (let i = 0; i <= last; i++) {
    const point = { x: i / last, y: i === 0 ? Math.min(asleep, awake[0]!) : awake[i]! }
    while (hull.length >= 2 && !turnsUp(hull.at(-2)!, hull.at(-1)!, point)) hull.pop()
    hull.push(point)
  }
  return hull
}

function turnsUp(a: Point, b: Point, c: Point): boolean {
  return (b.y - a.y) * (c.x - b.x) < (c.y - b.y) * (b.x - a.x)
}

/**
 * The least load risk, Σ max(0, load − limit)² over nodes: spread in proportion to the square of the
 * capacity, everybody is equally badly off at the margin. 0 when all demand fits below the limit.
 */
export function loadRiskBound(capacities: readonly number[], demand: number, limit: number): number {
  let capacity = 0
  let squares = 0
  for (const c of capacities) {
    capacity += c
    squares += c * c
  }
  const excess = demand - limit * capacity
  return excess <= 0 || squares === 0 ? 0 : (excess * excess) / squares
}
