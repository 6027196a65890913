import { Violation } from '../faults/tally.ts'

/** Widths of the windows that are watched, in rounds. */
const WIDTHS_ROUNDS = [0.25, 1, 3, 10]
/** How much faster than true a clock may run, and a margin. */
const DRIFT = 1.02

/** What the bound depends on. Micro-tokens and milliseconds. */
export interface WindowTerms {
  readonly nowMs: () => number
  readonly roundMs: number
  /** L of every account together. */
  readonly largestCosts: number
}

interface NodeGrants {
  readonly grants: { readonly atMs: number; readonly tokens: number }[]
  readonly windows: { readonly rounds: number; from: number; sum: number }[]
  /** When tokens beyond C·w + 3Q became possible, and how many: Q at a restart, its base with a tenant that comes. */
  readonly extra: { readonly atMs: number; readonly tokens: number }[]
  largestRound: number
}

/**
 * Watches what each node grants: in any window w at most C·w + 3Q + 2ΣL, plus Q per restart of the node (or
 * jump of its clock) and its base for every tenant that arrives.
 */
export class GrantWindows {
  readonly #terms: WindowTerms
  readonly #nodes = new Map<string, NodeGrants>()

  constructor(terms: WindowTerms) {
    this.#terms = terms
  }

  onRestart(node: string): void {
    this.#of(node).extra.push({ atMs: this.#terms.nowMs(), tokens: Number.NaN })
  }

  onArrival(node: string, baseTokens: number): void {
    this.#of(node).extra.push({ atMs: this.#terms.nowMs(), tokens: baseTokens })
  }

  onGranted(node: string, roundTokens: number, tokens: number): void {
    const watched = this.#of(node)
    const nowMs = this.#terms.nowMs()
    watched.largestRound = Math.max(watched.largestRound, roundTokens)
    if (tokens <= 0) return
    watched.grants.push({ atMs: nowMs, tokens })
    for (const window of watched.windows) this.#check(node, watched, window, tokens)
  }

  #check(node: string, watched: NodeGrants, window: NodeGrants['windows'][number], tokens: number): void {
    const { nowMs, roundMs, largestCosts } = this.#terms
    window.sum += tokens
    const fromMs = nowMs() - window.rounds * roundMs
    while (watched.grants[window.from]!.atMs < fromMs) window.sum -= watched.grants[window.from++]!.tokens
    const round = watched.largestRound
    let most = (window.rounds * DRIFT + 3) * round + 2 * largestCosts
    if (window.sum <= most) return
    for (const { atMs, tokens: more } of watched.extra) {
      if (atMs >= fromMs - roundMs) most += Number.isNaN(more) ? round : more
    }
    if (window.sum <= most) return
    const detail = `${node} granted ${window.sum} within ${window.rounds} rounds, at most ${Math.floor(most)} may be`
    throw new Violation('window', nowMs(), detail)
  }

  #of(node: string): NodeGrants {
    let watched = this.#nodes.get(node)
    if (watched === undefined) {
      const windows = WIDTHS_ROUNDS.map((rounds) => ({ rounds, from: 0, sum: 0 }))
      watched = { grants: [], windows, extra: [], largestRound: 0 }
      this.#nodes.set(node, watched)
    }
    return watched
  }
}
