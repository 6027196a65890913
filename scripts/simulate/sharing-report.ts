import { toTokens } from '../../src/core/amount.ts'
import type { Scenario } from './scenario.ts'

/** What a sharing run reports; rates in tokens/s, in the windows asked for. */
export interface SharingReport {
  readonly windows: readonly {
    readonly fromMs: number
    readonly toMs: number
    readonly granted: Record<string, number>
    readonly refused: Record<string, number>
  }[]
  /** Largest sum of grants in any window of one round, over what a round may hand out. */
  readonly largestWindowOverRound: number
  /** Messages to the node per 1 000 requests. */
  readonly messagesPer1000: number
  /** Share of an account's admissions that did not wait for the node; 1 where nothing was admitted. */
  readonly zeroHop: Record<string, number>
}

interface Sums {
  granted: number
  refused: number
}

/** Counts while a run goes on; memory grows with one round's grants only. */
export class SharingTally {
  readonly #scenario: Scenario
  readonly #names: readonly string[]
  readonly #windows: { readonly fromMs: number; readonly toMs: number; readonly sums: Map<string, Sums> }[]
  readonly #hops = new Map<string, { admitted: number; direct: number }>()
  /** Grants of the last round, and what they add up to, micro-tokens. */
  #recent: { readonly atMs: number; readonly micro: number }[] = []
  #recentFrom = 0
  #inWindow = 0
  #largestWindow = 0
  requests = 0
  messages = 0

  constructor(scenario: Scenario, names: readonly string[]) {
    this.#scenario = scenario
    this.#names = names
    this.#windows = (scenario.report ?? [[0, scenario.durationMs]]).map(([fromMs, toMs]) => ({
      fromMs,
      toMs,
      sums: new Map(names.map((name) => [name, { granted: 0, refused: 0 }])),
    }))
    for (const name of names) this.#hops.set(name, { admitted: 0, direct: 0 })
  }

  /** Counts a request that has ended; times never go backwards. */
  count(name: string, atMs: number, micro: number, admitted: boolean, hop: boolean): void {
    for (const window of this.#windows) {
      if (atMs < window.fromMs || atMs >= window.toMs) continue
      window.sums.get(name)![admitted ? 'granted' : 'refused'] += micro
    }
    if (!admitted) return
    const hops = this.#hops.get(name)!
    hops.admitted++
    if (!hop) hops.direct++
    this.#slide(atMs, micro)
  }

  report(): SharingReport {
    const { capacity, roundMs } = this.#scenario
    return {
      windows: this.#windows.map(({ fromMs, toMs, sums }) => {
        const rates = (of: keyof Sums) =>
          this.#byName((name) => (toTokens(sums.get(name)![of]) * 1000) / (toMs - fromMs))
        return { fromMs, toMs, granted: rates('granted'), refused: rates('refused') }
      }),
      largestWindowOverRound: rounded((toTokens(this.#largestWindow) * 1000) / (capacity * roundMs)),
      messagesPer1000: this.requests === 0 ? 0 : rounded((this.messages * 1000) / this.requests),
      zeroHop: this.#byName((name) => {
        const { admitted, direct } = this.#hops.get(name)!
        return admitted === 0 ? 1 : direct / admitted
      }),
    }
  }

  #slide(atMs: number, micro: number): void {
    const recent = this.#recent
    recent.push({ atMs, micro })
    this.#inWindow += micro
    while (atMs - recent[this.#recentFrom]!.atMs >= this.#scenario.roundMs) {
      this.#inWindow -= recent[this.#recentFrom++]!.micro
    }
    if (this.#recentFrom > 10_000 && this.#recentFrom * 2 > recent.length) {
      this.#recent = recent.slice(this.#recentFrom)
      this.#recentFrom = 0
    }
    this.#largestWindow = Math.max(this.#largestWindow, this.#inWindow)
  }

  #byName(value: (name: string) => number): Record<string, number> {
    return Object.fromEntries(this.#names.map((name) => [name, rounded(value(name))]))
  }
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
