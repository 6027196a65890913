import { type JudgedSignal, judgeSignals, nodesToAvoid, type Signal } from '../core/signals.ts'

/** How long what was read is used, and how long a read may take, ms. */
export const READING = { freshMs: 30_000, timeoutMs: 3_000 } as const

/** The part of the signal board's stub that is used. */
export interface Board {
  fetch(url: string, init: { signal: AbortSignal }): Promise<Response>
}

/**
 * What the coordinator knows of the signal board. The board being away changes nothing but that signals grow
 * old: each carries its own validity, and only valid ones are used.
 */
export class SignalReader {
  readonly #board: (() => Board) | undefined
  #signals: readonly Signal[] = []
  #readMs = Number.NEGATIVE_INFINITY

  constructor(board: (() => Board) | undefined) {
    this.#board = board
  }

  /** Reads the board again when what is known is older than {@link READING}, or in any case with `now`. */
  async refresh(nowMs: number, now = false): Promise<void> {
    if (this.#board === undefined || (!now && nowMs - this.#readMs < READING.freshMs)) return
    this.#readMs = nowMs
    try {
      const signal = AbortSignal.timeout(READING.timeoutMs)
      const answer = await this.#board().fetch('https://signals/read', { signal })
      if (answer.ok) this.#signals = (await answer.json()) as readonly Signal[]
    } catch (error) {
      console.error('the signal board did not answer', error)
    }
  }

  /** All signals as last read, whatever they are worth. */
  get all(): readonly Signal[] {
    return this.#signals
  }

  /** All signals with what they are worth now. */
  judged(nowMs: number): JudgedSignal[] {
    return judgeSignals(this.#signals, nowMs)
  }

  /** Nodes that get no new tenants, with the reason. */
  avoid(nowMs: number): ReadonlyMap<string, string> {
    return nodesToAvoid(this.#signals, nowMs)
  }
}
