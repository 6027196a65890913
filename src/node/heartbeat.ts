import type { HeartbeatAnswer, NodeReport, NodeState } from '../core/control.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { OriginTally } from '../core/messages.ts'
import { checkOrigin, type OriginRule } from '../core/origin.ts'
import {
  type AskOrigin,
  HealthProbe,
  NO_REQUESTS,
  type Passive,
  type Reported,
  reportOf,
} from './health-probe.ts'

/** How a node tells the coordinator how it is. */
export interface Pulse {
  beat(node: string, report: NodeReport): Promise<HeartbeatAnswer>
  /** The operator's allow-list of origins. */
  readonly origins: readonly OriginRule[]
  /** A bound service by its name. */
  service(name: string): Pick<Fetcher, 'fetch'> | undefined
}

/** When to report next while the coordinator does not answer, ms. */
const RETRY_MS = 5_000

/**
 * A node's heartbeat: probes its origin if that is due, adds what the edges saw of it, and reports. Called by
 * the object's alarm; keeps nothing that must outlive the object.
 */
export class Heartbeat {
  readonly #probe = new HealthProbe()
  #tally: OriginTally | undefined
  #reported: Reported | undefined

  /** Adds what an edge says of requests it forwarded. */
  note(tally: OriginTally): void {
    const sum = this.#tally ?? { requests: 0, failures: 0, timeouts: 0, totalMs: 0 }
    this.#tally = {
      requests: sum.requests + tally.requests,
      failures: sum.failures + tally.failures,
      timeouts: sum.timeouts + tally.timeouts,
      totalMs: sum.totalMs + tally.totalMs,
    }
  }

  /** @returns when to beat next, ms from now; undefined when the coordinator does not know the node (any more) */
  async beat(spec: NodeManifest['spec'], state: () => NodeState, pulse: Pulse): Promise<number | undefined> {
    await this.#probe.probe(spec.health, askOrigin(spec, pulse), Date.now())
    const now = state()
    const passive = this.#passive()
    const { report, reported } = reportOf(now, this.#probe.health(passive), this.#reported, Date.now())
    try {
      const { generation, nextMs } = await pulse.beat(now.node, report)
      this.#reported = reported
      this.#tally = undefined
      return generation === 0 ? undefined : nextMs
    } catch (error) {
      console.error('the coordinator did not take the report:', error)
      return RETRY_MS
    }
  }

  #passive(): Passive {
    const tally = this.#tally
    if (tally === undefined || tally.requests === 0) return NO_REQUESTS
    const { requests, failures, timeouts, totalMs } = tally
    return { requests, failures, timeouts, meanMs: totalMs / requests }
  }
}

function askOrigin({ origin }: NodeManifest['spec'], { origins, service }: Pulse): AskOrigin {
  return async (path, signal) => {
    if ('echo' in origin) return new Response(null, { status: 204 })
    if ('service' in origin) {
      const bound = service(origin.service)
      if (bound === undefined) throw new Error(`the service ${origin.service} is not bound`)
      return bound.fetch(`http://${origin.service}${path}`, { signal })
    }
    const checked = checkOrigin(origin.url, origins)
    if (!checked.ok) throw new Error('the operator does not allow this origin')
    return fetch(new URL(path, checked.value), { redirect: 'manual', signal })
  }
}
