import type { TenantCapsule } from '../core/capsule.ts'
import { type Checkpoint, CheckpointTurns } from '../core/checkpoints.ts'
import type { NodeConfig, NodeState } from '../core/control.ts'
import type { CoordinatorApi } from '../core/coordinator-api.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { OriginTally } from '../core/messages.ts'
import type { NodeAnswer, NodeMessage } from '../core/migration/types.ts'
import type { NodeLife } from '../core/node-life.ts'
import { checkOrigin, type OriginRule } from '../core/origin.ts'
import type { Places } from '../core/places.ts'
import {
  type AskOrigin,
  HealthProbe,
  NO_REQUESTS,
  type Passive,
  type Reported,
  reportOf,
} from './health-probe.ts'
import { stateOf } from './node-state.ts'
import type { Serving } from './serving.ts'

/** How a node reaches its origin. */
export interface OriginAccess {
  /** The operator's allow-list of origins. */
  readonly origins: readonly OriginRule[]
  /** A bound service by its name. */
  service(name: string): Pick<Fetcher, 'fetch'> | undefined
}

/** What a report tells of: the node as it is now. */
export interface Reporting {
  readonly config: NodeConfig
  readonly life: NodeLife
  readonly places: Places
  /** As the node sees itself, after making it durable. */
  state(): NodeState
  /** Obeys what it is told, in one transaction. */
  obey(messages: readonly NodeMessage<TenantCapsule>[]): NodeAnswer<TenantCapsule>[]
}

type Coordinator = Pick<CoordinatorApi, 'heartbeat' | 'handIn'>

/** When to report next while the coordinator does not answer, doubled each time, ms; how long it may take to answer. */
const RETRY = { firstMs: 500, maxMs: 5_000 } as const
const ANSWER_MS = 5_000
/** A report nobody answered is not repeated by whoever needs the lease to serve before, ms. */
const SPARE_MS = 250
/** States of accounts the first report after a start may bring; the coordinator says how many come later. */
const FIRST_CHECKPOINTS = 50
/** Rounds of handing in that one report may take. */
const MAX_HAND_INS = 100

/**
 * A node's heartbeat: reports how the origin does by its probe and by what the edges saw, brings states of
 * accounts, obeys what the coordinator says became of tenants, and so renews the lease to serve. Keeps nothing
 * that must outlive the object.
 */
export class Heartbeat {
  readonly #serving: Serving
  readonly #probe = new HealthProbe()
  readonly #turns = new CheckpointTurns()
  #checkpoints = FIRST_CHECKPOINTS
  #failures = 0
  #failedAtMs = Number.NEGATIVE_INFINITY
  #reporting: Promise<number | undefined> | undefined
  #tally: OriginTally | undefined
  #reported: Reported | undefined

  /** @param serving the lease that reports renew */
  constructor(serving: Serving) {
    this.#serving = serving
  }

  /** The node as it sees itself now: what is reported, and told whoever asks. */
  state(life: NodeLife, config: NodeConfig): NodeState {
    return stateOf(life, config)
  }

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

  /** Asks the origin how it is, if that is due. */
  probe(spec: NodeManifest['spec'], access: OriginAccess): Promise<void> {
    return this.#probe.probe(spec.health, askOrigin(spec, access), Date.now())
  }

  /** Whether a report that failed just now should not be repeated yet. */
  get spared(): boolean {
    return Math.abs(Date.now() - this.#failedAtMs) < SPARE_MS
  }

  /**
   * Reports, one report at a time: calls during one share it.
   * @returns when to report next, ms from now; undefined when the coordinator does not know the node (any more)
   */
  report(now: Reporting, coordinator: () => Coordinator): Promise<number | undefined> {
    this.#reporting ??= this.#report(now, coordinator).finally(() => {
      this.#reporting = undefined
    })
    return this.#reporting
  }

  async #report(now: Reporting, coordinator: () => Coordinator): Promise<number | undefined> {
    const { config, life, places } = now
    const state = now.state()
    const checkpoints = this.#turns.take(this.#checkpoints, places, life, config)
    try {
      return await inTime(this.#tell(now, state, checkpoints, coordinator))
    } catch (error) {
      console.error('the coordinator did not take the report:', error)
      this.#turns.giveBack(checkpoints)
      this.#failedAtMs = Date.now()
      return Math.min(RETRY.maxMs, RETRY.firstMs * 2 ** this.#failures++)
    }
  }

  async #tell(
    now: Reporting,
    state: NodeState,
    checkpoints: readonly Checkpoint[],
    coordinator: () => Coordinator,
  ): Promise<number | undefined> {
    const sentAtMs = Date.now()
    const health = this.#probe.health(this.#passive())
    const { report, reported } = reportOf(state, health, this.#reported, sentAtMs)
    const told = await coordinator().heartbeat(state.node, report, checkpoints)
    this.#reported = reported
    this.#tally = undefined
    this.#checkpoints = told.checkpoints
    this.#failures = 0
    let messages = told.messages
    for (let i = 0; messages.length > 0 && i < MAX_HAND_INS; i++) {
      const answers = now.obey(messages)
      if (i === 0 && told.serve !== null) this.#serving.renew(sentAtMs, told.serve)
      messages = await coordinator().handIn(state.node, answers)
    }
    if (told.serve === null) return 0
    this.#serving.renew(sentAtMs, told.serve)
    return told.generation === 0 ? undefined : told.nextMs
  }

  #passive(): Passive {
    const tally = this.#tally
    if (tally === undefined || tally.requests === 0) return NO_REQUESTS
    const { requests, failures, timeouts, totalMs } = tally
    return { requests, failures, timeouts, meanMs: totalMs / requests }
  }
}

/** @throws Error when it takes too long */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}

function askOrigin({ origin }: NodeManifest['spec'], { origins, service }: OriginAccess): AskOrigin {
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
