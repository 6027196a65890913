import type { Lease } from '../../../src/core/lease.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { Home } from '../../../src/core/migration/types.ts'
import type { Events } from '../events.ts'
import { SimClock } from '../faults/clock.ts'
import { SimNetwork } from '../faults/network.ts'
import { Dice, type PlannedAccount } from '../faults/plan.ts'
import { Violation } from '../faults/tally.ts'
import { startTraffic } from '../faults/traffic.ts'
import type { Random } from '../random.ts'
import { Calls } from './calls.ts'
import { NodeModel } from './node-model.ts'
import type { ClusterParts } from './parts.ts'
import type { ClusterPlan } from './plan.ts'
import type { PlannedEvent } from './plan-events.ts'
import { checkRest, sweepTombstones } from './rest.ts'
import { SimCoordinator } from './sim-coordinator.ts'
import { type OpenRequest, type RequestEnd, SimIsolate } from './sim-isolate.ts'
import { ClusterNode } from './sim-node.ts'
import type { ClusterTally } from './tally.ts'
import { TenantTruth } from './truth.ts'

/** Rounds after the last late message in which a fault may still be felt. */
const RECOVERY_ROUNDS = 4
/** Rounds at the start until every demand has been measured. */
const WARM_UP_ROUNDS = 3
/** After the last request everything must come to rest within so long, milliseconds. */
const REST_MS = 30_000
/** Any time of day, so that nothing depends on clocks that begin at 0. */
const SOME_TIME_MS = 1_800_000_000_000

/** The world of one run: isolates, nodes, the coordinator, a network between them, and what befalls them. */
export class ClusterWorld {
  requests = 0
  readonly plan: ClusterPlan
  readonly events: Events
  readonly tally: ClusterTally
  readonly coordinator: SimCoordinator
  readonly nodes = new Map<string, ClusterNode>()
  readonly truth: ReadonlyMap<string, TenantTruth>
  /** The isolate at each place; undefined while none runs there. */
  readonly isolates: (SimIsolate | undefined)[] = []
  /** Isolates that are gone: what they knew last. */
  readonly gone: SimIsolate[] = []
  readonly model: NodeModel
  readonly #dice: Dice
  readonly #network: SimNetwork
  readonly #calls: Calls
  #isolatesSoFar = 0

  constructor(plan: ClusterPlan, events: Events, random: Random, tally: ClusterTally, parts: ClusterParts) {
    this.plan = plan
    this.events = events
    this.tally = tally
    this.#dice = new Dice(random)
    this.#network = new SimNetwork(events, plan, this.#dice, tally)
    this.#calls = new Calls(events, this.#network)
    this.truth = new Map(plan.tenants.map(({ name }) => [name, new TenantTruth()]))
    this.model = new NodeModel({
      nowMs: () => events.nowMs,
      tally,
      truth: this.truth,
      nodes: this.nodes,
      roundMs: plan.roundMs,
      largestCosts: plan.accounts.reduce((sum, { costs }) => sum + Math.max(...costs), 0),
    })
    const shared = { events, dice: this.#dice, tally, parts, calls: this.#calls }
    const node = (name: string) => this.nodes.get(name)!
    this.coordinator = new SimCoordinator(this.#newClock(), {
      ...shared,
      plan,
      node,
      isCalm: () => this.#isCalmTime(),
    })
    for (const { name } of plan.nodes) {
      this.nodes.set(
        name,
        new ClusterNode(name, this.#newClock(), {
          ...shared,
          terms: plan.terms,
          model: this.model,
          node,
          onHeartbeat: (report, respond) => this.coordinator.heartbeat(report, respond),
          onStrayAnswer: (answer) => this.coordinator.take(answer),
        }),
      )
    }
    for (let edge = 0; edge < plan.edges; edge++) this.#startIsolate(edge)
  }

  get messages(): number {
    return this.#calls.messages
  }

  /** @throws Violation when a promise is broken. */
  run(): void {
    const { plan, events } = this
    for (const event of plan.events) events.at(event.atMs, () => this.#befall(event))
    startTraffic(plan, events, this.#dice, (account, cost, edge) => this.#request(account, cost, edge))
    for (let atMs = 0; atMs < plan.endMs + REST_MS; atMs += plan.roundMs / 2) {
      events.runUntil(atMs)
      this.#checkWaiting()
      if (atMs > plan.endMs + 4 * plan.roundMs && checkRest(this) === undefined) break
    }
    const unrest = checkRest(this)
    if (unrest !== undefined) throw new Violation('rest', events.nowMs, unrest)
    sweepTombstones(this)
  }

  #newClock(): SimClock {
    const rate = 0.99 + this.#dice.upTo(0.02)
    return new SimClock(this.events, SOME_TIME_MS + this.#dice.int(-100_000, 100_000), rate)
  }

  #startIsolate(edge: number): void {
    const place = `edge ${edge}`
    const { callMs } = this.plan.terms
    this.isolates[edge] = new SimIsolate(`edge-${this.#isolatesSoFar++}`, {
      events: this.events,
      clock: this.#newClock(),
      roundMs: this.plan.roundMs,
      callMs,
      send: (node, message: LeaseRequest, done: (reply: LeaseReply | undefined) => void) => {
        this.#calls.ask<LeaseReply>(
          place,
          node,
          callMs,
          (reply) => this.nodes.get(node)!.lease(message, reply),
          done,
        )
      },
      resolve: (tenant, done) => {
        this.#calls.ask<Home>(
          place,
          'coordinator',
          callMs,
          (reply) => this.coordinator.resolve(tenant, reply),
          done,
        )
      },
      onAdmitted: (_, lease, cost) => this.#onAdmitted(lease, cost),
      onEnd: (isolate, request, end) => this.#onEnd(isolate, request, end),
      onMoved: () => this.tally.count('toldMoved'),
    })
  }

  #request(account: PlannedAccount, cost: number, at: number | undefined): void {
    const running = this.isolates.filter((isolate) => isolate !== undefined)
    const isolate = at === undefined ? this.#dice.of(running) : this.isolates[at]
    if (isolate === undefined) return
    this.requests++
    this.truth.get(account.tenant)!.askedTokens += cost
    this.#noteTouched(isolate)
    isolate.request(account, cost)
  }

  #noteTouched(isolate: SimIsolate): void {
    if (isolate.isTroubled) isolate.touchedUntilMs = this.events.nowMs + RECOVERY_ROUNDS * this.plan.roundMs
  }

  /** An edge admits no more of a session than the nodes granted, and the credit they gave. */
  #onAdmitted(lease: Lease, cost: number): void {
    const truth = this.truth.get(lease.tenant)!
    const granted = truth.granted.get(lease.session) ?? 0
    const credit = truth.credit.get(lease.session) ?? 0
    // What was admitted without the node counts as granted when the node hears of it.
    if (lease.used - lease.guaranteed <= granted + credit) return
    const detail = `${SimIsolate.nameOf(lease)}: used ${lease.used} at ${cost}, granted ${granted}, credit ${credit}`
    this.#fail('lease', detail)
  }

  #onEnd(isolate: SimIsolate, request: OpenRequest, end: RequestEnd): void {
    const { tally, events } = this
    const truth = this.truth.get(request.account.tenant)!
    const served = end === 'admitted' || end === 'guaranteed'
    if (served) truth.spentTokens += request.cost
    if (end === 'guaranteed') truth.guaranteedTokens += request.cost
    if (end === 'admitted') tally.count('admitted')
    else if (end === 'guaranteed') tally.count('unreachableAdmitted')
    else if (end === 'refused') tally.count('refused')
    this.#noteTouched(isolate)
    if (request.account.demand.kind !== 'inShare') return
    this.#checkPause(truth, request, served)
    if (events.nowMs < isolate.touchedUntilMs || !this.#isCalmTime(request.atMs) || !this.#isCalmTime())
      return
    tally.count('checkedInShare')
    if (end !== 'admitted') this.#fail('inShare', `${request.account.tenant} at ${isolate.id}: ${end}`)
  }

  /** Whoever stays inside its base is never turned away for longer than it takes to replace a node. */
  #checkPause(truth: TenantTruth, request: OpenRequest, served: boolean): void {
    const nowMs = this.events.nowMs
    if (served) {
      if (truth.turnedAwaySinceMs !== undefined) this.tally.count('guaranteedAgain')
      truth.turnedAwaySinceMs = undefined
      return
    }
    truth.turnedAwaySinceMs ??= request.atMs
    const pauseMs = nowMs - truth.turnedAwaySinceMs
    const { terms, roundMs } = this.plan
    const mostMs = terms.serving.ttlMs + terms.callMs + 4 * terms.heartbeatMs + 6 * roundMs
    if (pauseMs > mostMs)
      this.#fail('pause', `${request.account.tenant} was turned away for ${Math.round(pauseMs)} ms`)
  }

  /** Whether no fault is felt any more, and none has begun again. */
  #isCalmTime(atMs = this.events.nowMs): boolean {
    const { roundMs, windows, longestDelayMs, endMs } = this.plan
    const recoveryMs = longestDelayMs + RECOVERY_ROUNDS * roundMs
    const starts = [WARM_UP_ROUNDS * roundMs, ...windows.map(({ toMs }) => toMs + recoveryMs)]
    return starts.some((fromMs, i) => atMs >= fromMs && atMs < (windows[i]?.fromMs ?? endMs))
  }

  #befall(event: PlannedEvent): void {
    const { tally, plan } = this
    switch (event.kind) {
      case 'message':
        this.#network.force(event.how)
        break
      case 'edgeCrash':
        this.#crashIsolate(event.edge, event.downMs)
        break
      case 'nodeCrash': {
        const node = this.nodes.get(event.node)!
        if (event.downMs > 6 * plan.roundMs) tally.count('nodeAway')
        if (event.duringWrite) node.crashAtNextWrite(event.downMs)
        else node.crash(event.downMs)
        break
      }
      case 'staleTwin':
        this.nodes.get(event.node)!.replace(event.lastsMs)
        break
      case 'coordinatorCrash':
        if (event.duringWrite) this.coordinator.crashAtNextWrite(event.downMs)
        else this.coordinator.crash(event.downMs)
        break
      case 'edgeClock':
        this.#countStep('edgeClockStep', event.stepMs)
        this.isolates[event.edge]?.clock.step(event.stepMs)
        break
      case 'nodeClock':
        this.#countStep('nodeClockStep', event.stepMs)
        if (event.stepMs > 0) this.model.onClockAhead(event.node)
        this.nodes.get(event.node)!.clock.step(event.stepMs)
        break
      case 'coordinatorClock':
        this.#countStep('coordinatorClockStep', event.stepMs)
        this.coordinator.clock.step(event.stepMs)
        break
      case 'cut':
        if (event.lastsMs > 6 * plan.roundMs) tally.count('nodeAway')
        this.#network.cut(event.end, event.lastsMs)
        break
      case 'move':
        this.coordinator.move(
          plan.tenants[event.tenant]!.name,
          plan.nodes[event.to]!.name,
          event.abortAfterMs,
        )
        break
      case 'moveBack':
        this.coordinator.moveBack(plan.tenants[event.tenant]!.name)
        break
      case 'drain':
        this.coordinator.drain(event.node, true)
        this.events.after(event.lastsMs, () => this.coordinator.drain(event.node, false))
        break
      case 'settings':
        this.coordinator.scale(plan.tenants[event.tenant]!.name, event.factor)
        break
    }
  }

  #countStep(kind: 'edgeClockStep' | 'nodeClockStep' | 'coordinatorClockStep', stepMs: number): void {
    this.tally.count(kind)
    this.tally.count(stepMs > 0 ? 'clockForward' : 'clockBack')
  }

  #crashIsolate(edge: number, downMs: number): void {
    const isolate = this.isolates[edge]
    if (isolate === undefined) return
    this.tally.count('edgeCrash')
    isolate.kill()
    this.gone.push(isolate)
    this.isolates[edge] = undefined
    this.events.after(downMs, () => this.#startIsolate(edge))
  }

  /** No request waits longer than it may. */
  #checkWaiting(): void {
    for (const isolate of this.isolates) {
      for (const { account, atMs } of isolate?.open ?? []) {
        if (this.events.nowMs - atMs <= isolate!.mostOpenMs(account)) continue
        this.#fail(
          'waiter',
          `a request of ${account.tenant} at ${isolate!.id} waits since ${Math.round(atMs)} ms`,
        )
      }
    }
  }

  #fail(invariant: string, detail: string): never {
    throw new Violation(invariant, this.events.nowMs, detail)
  }
}
