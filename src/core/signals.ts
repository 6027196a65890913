/** What is measured of a zone: electricity price (currency/MWh) or carbon intensity (gCO2e/kWh). */
export const MEASURES = ['price', 'carbon'] as const

/** One of {@link MEASURES}. */
export type Measure = (typeof MEASURES)[number]

/** A value of a zone with the time it is good for. */
export interface ZoneSignal {
  readonly kind: 'zone'
  readonly zone: string
  readonly measure: Measure
  /** Price in currency/MWh, which may be negative; carbon in gCO2e/kWh. */
  readonly value: number
  readonly validFromMs: number
  readonly validUntilMs: number
}

/** What somebody outside knows about a node. */
export interface NodeNote {
  readonly kind: 'node'
  readonly node: string
  /** `avoid`: the coordinator places no new tenants there while the note is valid. */
  readonly severity: 'info' | 'avoid'
  readonly note: string
  readonly validFromMs: number
  readonly validUntilMs: number
}

/** Anything the signal board holds. */
export type Signal = ZoneSignal | NodeNote

/** A signal with what it is worth at a moment. */
export type JudgedSignal = Signal & { readonly state: 'valid' | 'stale' | 'upcoming' }

/** Bounds of the signal board. */
export const SIGNAL_LIMITS = {
  /** Signals of one post. */
  batch: 500,
  /** Signals kept: one for each zone and measure, and one for each node. */
  kept: 4_000,
  /** How long a signal may be valid, ms. */
  maxValidMs: 7 * 86_400_000,
} as const

/** Two signals with the same key replace each other. Names hold no slash. */
export function signalKey(signal: Signal): string {
  return signal.kind === 'zone' ? `zone/${signal.zone}/${signal.measure}` : `node/${signal.node}`
}

/** Says of each signal whether it counts at `nowMs`; only the valid ones may be used. */
export function judgeSignals(signals: readonly Signal[], nowMs: number): JudgedSignal[] {
  return signals.map((signal) => {
    const state = nowMs >= signal.validUntilMs ? 'stale' : nowMs < signal.validFromMs ? 'upcoming' : 'valid'
    return { ...signal, state }
  })
}

/** The nodes that are to be avoided at `nowMs`, with the note that says so. */
export function nodesToAvoid(signals: readonly Signal[], nowMs: number): Map<string, string> {
  const avoid = new Map<string, string>()
  for (const signal of judgeSignals(signals, nowMs)) {
    if (signal.kind === 'node' && signal.state === 'valid' && signal.severity === 'avoid') {
      avoid.set(signal.node, signal.note)
    }
  }
  return avoid
}
