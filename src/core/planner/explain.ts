import { Cluster } from './cluster.ts'
import type { Facts } from './facts.ts'
import { type PlannedMove, TERMS, type Term, type Terms } from './model.ts'
import { termsOfNodes } from './objective.ts'
import type { Found } from './search.ts'

/** The steps of a search as moves: in waves, each with what it changes when the steps before it are done. */
export function explainMoves(found: Found, facts: Facts): PlannedMove[] {
  const { cluster, steps } = found
  const replay = new Cluster(facts)
  const slept = new Set(found.slept)
  const waves = new Waves(cluster.settings.transfersPerNode)
  return steps.map(({ tenant, from, to, rule, bundle }) => {
    const touched = from < 0 ? [to] : [from, to]
    const before = termsOfNodes(replay, touched)
    replay.up[to] = 1
    replay.move(tenant, to)
    if (from >= 0 && slept.has(from) && replay.nodeCount[from] === 0) replay.up[from] = 0
    const after = termsOfNodes(replay, touched)
    const name = (node: number) => cluster.nodes[node]!.id
    return {
      tenant: cluster.tenants[tenant]!.id,
      from: from < 0 ? null : name(from),
      to: name(to),
      rule,
      bundle,
      wave: waves.next(from, to),
      change: difference(after, before),
    }
  })
}

/** The earliest wave in which neither end of a move is busy with as many transfers as it takes. */
class Waves {
  readonly #limit: number
  readonly #busy = new Map<string, number>()

  constructor(limit: number) {
    this.#limit = Math.max(1, limit)
  }

  next(from: number, to: number): number {
    for (let wave = 0; ; wave++) {
      const ends = from < 0 ? [`in ${to} ${wave}`] : [`in ${to} ${wave}`, `out ${from} ${wave}`]
      if (ends.some((end) => (this.#busy.get(end) ?? 0) >= this.#limit)) continue
      for (const end of ends) this.#busy.set(end, (this.#busy.get(end) ?? 0) + 1)
      return wave
    }
  }
}

function difference(after: Terms, before: Terms): Terms {
  const change: Record<Term, number> = { load: 0, energy: 0, cost: 0, carbon: 0, resilience: 0 }
  for (const term of TERMS) change[term] = after[term] - before[term]
  return change
}

/** Which of the alternatives no other one beats: at least as good in every term and better in one. */
export function onFront(all: readonly Terms[]): boolean[] {
  const tolerance = 1e-9
  const beats = (a: Terms, b: Terms) =>
    TERMS.every((term) => a[term] <= b[term] + tolerance) &&
    TERMS.some((term) => a[term] < b[term] - tolerance)
  return all.map((terms) => !all.some((other) => beats(other, terms)))
}
