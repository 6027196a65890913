import type { Lease } from '../../../src/core/lease.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { Events } from '../events.ts'
import type { SimEdge } from '../sim-edge.ts'
import type { SimClock } from './clock.ts'
import { accountKey, type Counts } from './model.ts'
import type { PlannedAccount } from './plan.ts'

/** How a request ended; `unreachable` was not admitted, `guaranteed` was, without the node. */
export type RequestEnd = 'admitted' | 'refused' | 'guaranteed' | 'unreachable'

/** A request under way at an isolate. */
export interface OpenRequest {
  readonly account: PlannedAccount
  readonly cost: number
  readonly atMs: number
}

/** What surrounds an isolate. */
export interface IsolateWorld {
  readonly events: Events
  readonly clock: SimClock
  /** A message unanswered for so long is given up, on the isolate's clock. */
  readonly deadlineMs: number
  newEdge(id: string, world: ConstructorParameters<typeof SimEdge>[1]): SimEdge
  send(message: LeaseRequest, answer: (reply: LeaseReply) => void): void
  onEnd(isolate: SimIsolate, request: OpenRequest, lease: Lease, end: RequestEnd, waited: boolean): void
  onEndedTwice(request: OpenRequest): void
}

/** One life of an edge isolate: the real lease book on a clock of its own, and `guarantee` mode. */
export class SimIsolate {
  readonly id: string
  readonly edge: SimEdge
  /** Requests without an outcome yet. */
  readonly open = new Set<OpenRequest>()
  readonly clock: SimClock
  readonly #world: IsolateWorld
  /** Until then the last failure to reach the node may still be felt, simulated milliseconds. */
  touchedUntilMs = 0
  readonly #counts = new Map<string, Counts>()

  constructor(id: string, world: IsolateWorld) {
    this.id = id
    this.#world = world
    this.clock = world.clock
    this.edge = world.newEdge(id, {
      nowMs: () => world.clock.nowMs(),
      after: (delayMs, run) => world.events.after(world.clock.simulatedMs(delayMs), run),
      deadlineMs: world.deadlineMs,
      send: world.send,
    })
  }

  request(account: PlannedAccount, cost: number): void {
    const world = this.#world
    const request: OpenRequest = { account, cost, atMs: world.events.nowMs }
    const lease = this.edge.lease(account.tenant, account.device)
    this.open.add(request)
    this.edge.request({
      tenant: account.tenant,
      ...(account.device === undefined ? {} : { device: account.device }),
      cost,
      maxWaitMs: account.maxWaitMs,
      done: (ended, hop) => {
        if (!this.open.delete(request)) world.onEndedTwice(request)
        const end = ended === 'unreachable' ? this.#guarantee(lease, cost) : ended
        this.#count(request, end)
        world.onEnd(this, request, lease, end, hop)
      },
    })
  }

  /** What truly became of an account's requests here. */
  countsOf(key: string): Counts {
    let counts = this.#counts.get(key)
    if (counts === undefined) {
      counts = { used: 0, admitted: 0, refused: 0, unreachable: 0 }
      this.#counts.set(key, counts)
    }
    return counts
  }

  #count({ account, cost }: OpenRequest, end: RequestEnd): void {
    const counts = this.countsOf(accountKey(account.tenant, account.device))
    if (end === 'admitted') counts.admitted++
    if (end === 'refused') counts.refused++
    if (end === 'guaranteed') counts.unreachable++
    if (end === 'admitted' || end === 'guaranteed') counts.used += cost
  }

  /** `whenUnreachable: guarantee`. */
  #guarantee(lease: Lease, cost: number): RequestEnd {
    if (!lease.takeGuaranteed(cost, this.clock.nowMs())) return 'unreachable'
    lease.unreachable++
    return 'guaranteed'
  }
}
