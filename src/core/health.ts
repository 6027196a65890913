import type { NodeReport } from './control.ts'

/** How well a node does. `Unknown`: it was never heard; it is believed until it has spoken once. */
export type HealthPhase = 'Unknown' | 'Ready' | 'Degraded' | 'Failed'

/** What the coordinator keeps of a node's health. */
export interface NodeHealth {
  readonly phase: HealthPhase
  /** One word for programs: why the phase is what it is. */
  readonly reason: 'NeverHeard' | 'Heard' | 'OriginUnhealthy' | 'OriginErrors' | 'Silent' | 'Recovering'
  readonly message: string
  readonly sinceMs: number
  /** When the last report came; 0 before the first. */
  readonly heardMs: number
  /** Bad or missed reports in a row; 0 after a good one. */
  readonly bad: number
  /** Good reports in a row; 0 after a bad or missed one. */
  readonly good: number
}

/** How reports are judged. Counts are reports in a row. */
export interface HealthTerms {
  /** How often a node reports, ms. */
  readonly intervalMs: number
  /** Bad or missed reports until Degraded, and until Failed. */
  readonly degradedAfter: number
  readonly failedAfter: number
  /** Good reports until the phase gets better by one step: more than it takes to get worse, so that a node
   * on the edge of failing does not flap. */
  readonly recoverAfter: number
  /** Share of failed or timed-out requests from which on a report is bad, 0 … 1. */
  readonly errorShare: number
  /** Requests below which the share says nothing. */
  readonly minRequests: number
}

/** The defaults of {@link HealthTerms}. */
export const HEALTH_TERMS: HealthTerms = {
  intervalMs: 5_000,
  degradedAfter: 2,
  failedAfter: 5,
  recoverAfter: 3,
  errorShare: 0.5,
  minRequests: 20,
}

/** A node that was never heard. */
export function newHealth(nowMs: number): NodeHealth {
  const message = 'has not reported yet'
  return { phase: 'Unknown', reason: 'NeverHeard', message, sinceMs: nowMs, heardMs: 0, bad: 0, good: 0 }
}

/** Health after a report. */
export function onReport(
  health: NodeHealth,
  report: Pick<NodeReport, 'origin'>,
  nowMs: number,
  terms: HealthTerms = HEALTH_TERMS,
): NodeHealth {
  const fault = faultOf(report.origin, terms)
  if (fault !== undefined) {
    const bad = health.bad + 1
    return worsened({ ...health, heardMs: nowMs, bad, good: 0 }, fault, nowMs, terms)
  }
  const good = health.good + 1
  const heard: NodeHealth = { ...health, heardMs: nowMs, bad: 0, good }
  if (health.phase === 'Ready')
    return { ...heard, reason: 'Heard', message: 'reports, and its origin is well' }
  if (health.phase === 'Unknown')
    return into(heard, 'Ready', 'Heard', 'reports, and its origin is well', nowMs)
  if (good < terms.recoverAfter) {
    const message = `${good} of ${terms.recoverAfter} good reports in a row`
    return { ...heard, reason: 'Recovering', message }
  }
  const better = health.phase === 'Failed' ? 'Degraded' : 'Ready'
  return { ...into(heard, better, 'Heard', `${good} good reports in a row`, nowMs), good: 0 }
}

/** Health as time passes without a report. A node that was never heard is not judged. */
export function onSilence(health: NodeHealth, nowMs: number, terms: HealthTerms = HEALTH_TERMS): NodeHealth {
  if (health.heardMs === 0) return health
  const missed = Math.floor((nowMs - health.heardMs) / terms.intervalMs)
  if (missed < 1 || missed <= health.bad) return health
  const message = `no report for ${missed} intervals of ${terms.intervalMs} ms`
  return worsened({ ...health, bad: missed, good: 0 }, { reason: 'Silent', message }, nowMs, terms)
}

/** When {@link onSilence} has to be asked next; undefined for a node that was never heard or has failed. */
export function silenceDueMs(health: NodeHealth, terms: HealthTerms = HEALTH_TERMS): number | undefined {
  if (health.heardMs === 0 || health.phase === 'Failed') return undefined
  const next = health.bad < terms.degradedAfter ? terms.degradedAfter : terms.failedAfter
  return health.heardMs + Math.max(next, health.bad + 1) * terms.intervalMs
}

interface Fault {
  readonly reason: NodeHealth['reason']
  readonly message: string
}

function faultOf(origin: NodeReport['origin'], terms: HealthTerms): Fault | undefined {
  if (origin.verdict === 'unhealthy')
    return { reason: 'OriginUnhealthy', message: origin.reason.slice(0, 200) }
  const wrong = origin.failures + origin.timeouts
  if (origin.requests < terms.minRequests || wrong < origin.requests * terms.errorShare) return undefined
  return { reason: 'OriginErrors', message: `${wrong} of ${origin.requests} requests failed or timed out` }
}

function worsened(health: NodeHealth, fault: Fault, nowMs: number, terms: HealthTerms): NodeHealth {
  const phase: HealthPhase =
    health.bad >= terms.failedAfter || health.phase === 'Failed'
      ? 'Failed'
      : health.bad >= terms.degradedAfter || health.phase === 'Degraded'
        ? 'Degraded'
        : health.phase
  return into(health, phase, fault.reason, fault.message, nowMs)
}

function into(
  health: NodeHealth,
  phase: HealthPhase,
  reason: NodeHealth['reason'],
  message: string,
  nowMs: number,
): NodeHealth {
  return { ...health, phase, reason, message, sinceMs: phase === health.phase ? health.sinceMs : nowMs }
}
