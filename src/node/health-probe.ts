import {
  MAX_REPORTED_TENANTS,
  type NodeReport,
  type NodeState,
  type OriginHealth,
  type TenantLoad,
} from '../core/control.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import { MESSAGE_VERSION } from '../core/messages.ts'

type ProbeSpec = NonNullable<NodeManifest['spec']['health']>

/** Asks the origin for a path; rejects or answers. The caller chooses URL or service and the operator's allow-list. */
export type AskOrigin = (path: string, signal: AbortSignal) => Promise<Pick<Response, 'status' | 'body'>>

/** What the edges say of requests they forwarded, since the last report. */
export type Passive = Pick<OriginHealth, 'requests' | 'failures' | 'timeouts' | 'meanMs'>

/** No request was forwarded, or no edge says. */
export const NO_REQUESTS: Passive = { requests: 0, failures: 0, timeouts: 0, meanMs: 0 }

/**
 * Watches a node's origin by asking for a path now and then: unhealthy after `failureThreshold` failures in a
 * row, healthy after `successThreshold` successes. Runs from the object's alarm, never by an interval of its
 * own, so that a node nobody uses can leave memory between two probes.
 */
export class HealthProbe {
  #verdict: OriginHealth['verdict'] = 'unknown'
  #reason = 'not probed yet'
  #failures = 0
  #successes = 0
  #dueMs = 0

  /** When the next probe is due, ms; undefined without a probe in the manifest. */
  dueMs(spec: ProbeSpec | undefined): number | undefined {
    return spec === undefined ? undefined : this.#dueMs
  }

  /** Probes once, if it is due. Never throws: whatever goes wrong is a failure of the origin. */
  async probe(spec: ProbeSpec | undefined, ask: AskOrigin, nowMs: number): Promise<void> {
    if (spec === undefined || nowMs < this.#dueMs) return
    this.#dueMs = nowMs + spec.intervalMs
    this.#count(await failureOf(spec, ask), spec)
  }

  /** What the probe and the edges know together. */
  health(passive: Passive = NO_REQUESTS): OriginHealth {
    return { verdict: this.#verdict, reason: this.#reason, ...passive }
  }

  #count(failure: string | undefined, spec: ProbeSpec): void {
    if (failure === undefined) {
      this.#failures = 0
      this.#successes++
      if (this.#successes < spec.successThreshold) return
      this.#verdict = 'healthy'
      this.#reason = 'answers its probe'
    } else {
      this.#successes = 0
      this.#failures++
      if (this.#failures < spec.failureThreshold) return
      this.#verdict = 'unhealthy'
      this.#reason = `${this.#failures} probes failed in a row: ${failure}`.slice(0, 200)
    }
  }
}

/** @returns what went wrong; undefined for an answer 200 … 399 in time */
async function failureOf(spec: ProbeSpec, ask: AskOrigin): Promise<string | undefined> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), spec.timeoutMs)
  try {
    const answer = await ask(spec.path, abort.signal)
    await answer.body?.cancel()
    return answer.status >= 200 && answer.status < 400 ? undefined : `it answered ${answer.status}`
  } catch (error) {
    if (abort.signal.aborted) return `no answer within ${spec.timeoutMs} ms`
    return error instanceof Error ? error.message : 'it cannot be reached'
  } finally {
    clearTimeout(timer)
  }
}

/** What a report needs of the one before: when it was, and what each account had spent by then. */
export interface Reported {
  readonly atMs: number
  readonly spent: ReadonlyMap<string, number>
}

/**
 * The node's report to the coordinator. Spending is the difference to the report before; the first one after a
 * start has none. Demand is that of the running round.
 *
 * @param before what {@link reportOf} returned last time
 */
export function reportOf(
  state: NodeState,
  origin: OriginHealth,
  before: Reported | undefined,
  nowMs: number,
): { readonly report: NodeReport; readonly reported: Reported } {
  const elapsedS = before === undefined ? 0 : (nowMs - before.atMs) / 1_000
  const spentNow = new Map<string, number>()
  const loads: TenantLoad[] = []
  for (const { tenant, device, spentTotal, wanted } of state.accounts) {
    if (device !== undefined) continue // its tenant's figures include it
    spentNow.set(tenant, spentTotal)
    const had = before?.spent.get(tenant)
    const spent = elapsedS > 0 && had !== undefined ? Math.max(0, spentTotal - had) / elapsedS : 0
    loads.push({ tenant, demand: (wanted * 1_000) / state.roundMs, spent })
  }
  const sum = (field: 'demand' | 'spent') => loads.reduce((total, load) => total + load[field], 0)
  const [demand, spent] = [sum('demand'), sum('spent')]
  loads.sort((a, b) => b.demand - a.demand)
  const report: NodeReport = {
    version: MESSAGE_VERSION,
    life: state.life,
    generation: state.generation,
    capacity: state.capacity,
    demand,
    spent,
    origin,
    tenants: loads.slice(0, MAX_REPORTED_TENANTS),
  }
  return { report, reported: { atMs: nowMs, spent: spentNow } }
}
