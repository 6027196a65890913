import type { Lease } from '../../../src/core/lease.ts'
import { type AccountTruth, accountKey } from './model.ts'
import { Violation } from './tally.ts'

/** Widths of the windows that are watched, in rounds. */
const WIDTHS_ROUNDS = [0.25, 1, 3, 10]
/** A lease may be used for so many rounds. */
const LEASE_ROUNDS = 2
/** How much faster or slower than true a clock may run, and a margin. */
const DRIFT = 1.02

/** What the bounds depend on. Micro-tokens and milliseconds. */
export interface WindowTerms {
  readonly roundMs: number
  /** Largest Q of the run. */
  readonly roundTokens: number
  /** L of every account together. */
  readonly largestCosts: number
  /** Largest Σ credit seen so far, all accounts together. */
  credit(): number
}

/** Watches the edges: what they admit stays within what was granted, in sum and in every window. */
export class EdgeWatch {
  readonly #nowMs: () => number
  readonly #terms: WindowTerms
  readonly #truth: ReadonlyMap<string, AccountTruth>
  readonly #admitted: { readonly atMs: number; readonly cost: number }[] = []
  readonly #windows = WIDTHS_ROUNDS.map((rounds) => ({ rounds, from: 0, sum: 0 }))
  /** Moments after which the node may grant a round's tokens that it has already granted. */
  readonly #restartsMs: number[] = []

  constructor(nowMs: () => number, terms: WindowTerms, truth: ReadonlyMap<string, AccountTruth>) {
    this.#nowMs = nowMs
    this.#terms = terms
    this.#truth = truth
  }

  /** The node has started anew, or its clock has jumped ahead to the next round. */
  noteRestart(): void {
    this.#restartsMs.push(this.#nowMs())
  }

  /**
   * A request was admitted from a lease or its credit.
   *
   * @param lapsed whether the node has ended the lease's session already. After a restart or a jump of its
   *   clock it may; otherwise the edge stops first.
   */
  onAdmitted(lease: Lease, cost: number, lapsed: boolean): void {
    const key = accountKey(lease.tenant, lease.device)
    const truth = this.#truth.get(key)!
    truth.admittedTokens += cost
    const granted = truth.granted.get(lease.session) ?? 0
    const credit = truth.credit.get(lease.session) ?? 0
    if (lease.used > granted + credit) {
      this.#fail('lease', `${key}: used ${lease.used}, granted ${granted}, credit ${credit}`)
    }
    if (lapsed && this.#restartsSince(this.#nowMs() - (LEASE_ROUNDS + 1) * this.#terms.roundMs) === 0) {
      this.#fail('presumed', `${key}: session ${lease.session} is used after the node has presumed it spent`)
    }
    this.#admitted.push({ atMs: this.#nowMs(), cost })
    for (const window of this.#windows) this.#checkWindow(window, cost)
  }

  /** A request was admitted from the guaranteed rate, without the node. */
  onGuaranteed(lease: Lease, cost: number): void {
    this.#truth.get(accountKey(lease.tenant, lease.device))!.guaranteedTokens += cost
  }

  #checkWindow(window: { readonly rounds: number; from: number; sum: number }, cost: number): void {
    const { roundMs, roundTokens, largestCosts, credit } = this.#terms
    const nowMs = this.#nowMs()
    window.sum += cost
    const widthMs = window.rounds * roundMs
    while (this.#admitted[window.from]!.atMs < nowMs - widthMs)
      window.sum -= this.#admitted[window.from++]!.cost
    const rounds = (window.rounds + LEASE_ROUNDS) * DRIFT
    const sinceMs = nowMs - rounds * roundMs
    const restarts = this.#restartsSince(sinceMs)
    const most = (rounds + 3 + restarts) * roundTokens + 2 * largestCosts + (1 + restarts) * credit()
    if (window.sum <= most) return
    this.#fail('window', `${window.sum} admitted within ${widthMs} ms, at most ${Math.floor(most)} may be`)
  }

  #restartsSince(sinceMs: number): number {
    return this.#restartsMs.filter((atMs) => atMs >= sinceMs).length
  }

  #fail(invariant: string, detail: string): never {
    throw new Violation(invariant, this.#nowMs(), detail)
  }
}
