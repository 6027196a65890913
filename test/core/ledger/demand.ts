import type { Account } from '../../../src/core/account.ts'
import { Decision, type Ledger } from '../../../src/core/ledger.ts'

/** Requests of one cost at even distances. */
export interface Stream {
  readonly account: Account
  readonly perRound: number
  readonly cost: number
}

/**
 * Offers streams from `fromMs` to `toMs`, in the order of their times; refused requests are lost.
 *
 * @returns what was granted to each stream.
 */
export function offer(ledger: Ledger, streams: readonly Stream[], fromMs: number, toMs: number): number[] {
  const granted = streams.map(() => 0)
  // Streams of one rate must not always come in the same order.
  const next = streams.map((stream, i) => nextAfter(stream, fromMs, ((i * 7) % 11) / 11))
  for (;;) {
    let first = -1
    for (let i = 0; i < next.length; i++) if (first < 0 || next[i]! < next[first]!) first = i
    if (first < 0 || next[first]! >= toMs) return granted
    const { account, perRound, cost } = streams[first]!
    const decision = ledger.spend(account, cost, Math.floor(next[first]!))
    if (decision === Decision.granted || decision === Decision.borrowed) granted[first]! += cost
    next[first]! += ledger.roundMs / perRound
  }

  function nextAfter(stream: Stream, ms: number, phase: number): number {
    return stream.perRound === 0 ? Number.POSITIVE_INFINITY : ms + (phase * ledger.roundMs) / stream.perRound
  }
}
