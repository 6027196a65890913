import type { Lease } from '../../../src/core/lease.ts'
import { BOOK_LIMITS } from '../../../src/core/lease-book.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { Events } from '../events.ts'
import type { Random } from '../random.ts'
import { BacklogWatch } from './backlog-watch.ts'
import { SimClock } from './clock.ts'
import { EdgeWatch } from './edge-watch.ts'
import { AccountTruth, accountKey } from './model.ts'
import { SimNetwork } from './network.ts'
import { NodeWatch } from './node-watch.ts'
import type { Parts } from './parts.ts'
import { Dice, type FaultPlan, type NewLife, type PlannedAccount, type PlannedFault } from './plan.ts'
import { unrestOf } from './rest.ts'
import { RoundLog } from './round-log.ts'
import { type OpenRequest, type RequestEnd, SimIsolate } from './sim-isolate.ts'
import { type RunningLife, SimNode } from './sim-node.ts'
import { type Tally, Violation } from './tally.ts'
import { scaled, tenantsOf } from './tenants.ts'
import { startTraffic } from './traffic.ts'

/** Rounds after the last late message in which a fault may still be felt. */
const RECOVERY_ROUNDS = 1
/** Rounds at the start until every demand has been measured. */
const WARM_UP_ROUNDS = 2
/** After the last request everything must come to rest within so long, milliseconds. */
const REST_MS = 30_000
/** Any time of day, so that nothing depends on clocks that begin at 0. */
const SOME_TIME_MS = 1_800_000_000_000

/** The world of one run: isolates, a node, a network between them, and what befalls them. */
export class FaultWorld {
  requests = 0
  messages = 0
  readonly #plan: FaultPlan
  readonly #events: Events
  readonly #dice: Dice
  readonly #tally: Tally
  readonly #parts: Parts
  readonly #truth = new Map<string, AccountTruth>()
  readonly #network: SimNetwork
  readonly #nodeClock: SimClock
  readonly #node: SimNode
  readonly #nodeWatch: NodeWatch
  readonly #edgeWatch: EdgeWatch
  readonly #log: RoundLog
  /** The isolate at each place; undefined while none runs there. */
  readonly #isolates: (SimIsolate | undefined)[] = []
  #isolatesSoFar = 0
  /** Places whose isolate crashes as soon as it holds tokens, and for how long. */
  readonly #crashWhenHolding = new Map<number, number>()

  constructor(plan: FaultPlan, events: Events, random: Random, tally: Tally, parts: Parts) {
    this.#plan = plan
    this.#events = events
    this.#dice = new Dice(random)
    this.#tally = tally
    this.#parts = parts
    for (const { tenant, device } of plan.accounts)
      this.#truth.set(accountKey(tenant, device), new AccountTruth())
    const nowMs = () => events.nowMs
    this.#network = new SimNetwork(events, plan, this.#dice, tally)
    this.#nodeWatch = new NodeWatch(nowMs, this.#truth, tally)
    this.#log = new RoundLog(events, this.#truth)
    this.#edgeWatch = new EdgeWatch(nowMs, this.#windowTerms(), this.#truth)
    this.#nodeClock = this.#newClock()
    const { newLife, holdsReplies } = parts
    this.#node = new SimNode(
      {
        events,
        clock: this.#nodeClock,
        dice: this.#dice,
        tally,
        newLife,
        holdsReplies,
        onBoot: (running) => {
          this.#edgeWatch.noteRestart()
          this.#nodeWatch.checkAll(running)
          this.#log.onBoot(running.life.ledger)
        },
        onHandled: (running, request, handle) => this.#onHandled(running, request, handle),
      },
      plan.roundTokens,
      plan.roundMs,
      tenantsOf(plan.accounts),
    )
    for (let edge = 0; edge < plan.edges; edge++) this.#startIsolate(edge)
  }

  /** @throws Violation when a promise is broken. */
  run(): void {
    const { plan, events } = { plan: this.#plan, events: this.#events }
    for (const fault of plan.faults) events.at(fault.atMs, () => this.#befall(fault))
    this.#watchBacklogs()
    startTraffic(plan, events, this.#dice, (account, cost, edge) => this.#request(account, cost, edge))
    for (let atMs = 0; atMs < plan.endMs + REST_MS; atMs += plan.roundMs / 2) {
      events.runUntil(atMs)
      this.#checkWaiting()
    }
    this.#checkRest()
  }

  #windowTerms() {
    const { roundMs, accounts } = this.#plan
    const largestCosts = accounts.reduce((sum, { costs }) => sum + Math.max(...costs), 0)
    const factors = this.#plan.faults.map((fault) => (fault.kind === 'capacity' ? fault.factor : 1))
    const roundTokens = this.#plan.roundTokens * Math.max(1, ...factors)
    const credit = () => this.#nodeWatch.largestCredit * accounts.length
    return { roundMs, roundTokens, largestCosts, credit }
  }

  #newClock(): SimClock {
    const rate = 0.99 + this.#dice.upTo(0.02)
    return new SimClock(this.#events, SOME_TIME_MS + this.#dice.int(-100_000, 100_000), rate)
  }

  #startIsolate(edge: number): void {
    const isolate = new SimIsolate(`edge-${this.#isolatesSoFar++}`, {
      events: this.#events,
      clock: this.#newClock(),
      deadlineMs: this.#plan.roundMs,
      newEdge: this.#parts.newEdge,
      send: (message, answer) => this.#send(edge, message, answer),
      onEnd: (from, request, lease, end, waited) => this.#onEnd(from, request, lease, end, waited),
      onEndedTwice: (request) => this.#fail('outcome', `a request of ${request.account.tenant} ended twice`),
    })
    this.#isolates[edge] = isolate
    this.#nodeWatch.mostSessions = this.#isolatesSoFar
  }

  #send(edge: number, message: LeaseRequest, answer: (reply: LeaseReply) => void): void {
    this.messages++
    this.#network.carry([placeOf(edge)], `${message.edge} out`, () => {
      this.#node.receive(message, (reply) => {
        this.#network.carry([placeOf(edge)], `${message.edge} back`, () => {
          answer(reply)
          this.#crashHolding(edge)
        })
      })
    })
  }

  #onHandled(running: RunningLife, request: LeaseRequest, handle: () => LeaseReply): LeaseReply {
    const watched = () => this.#nodeWatch.onHandled(running, request, handle)
    return running === this.#node.current
      ? this.#log.onHandled(running.life.ledger, request, watched)
      : watched()
  }

  #request(account: PlannedAccount, cost: number, at: number | undefined): void {
    const running = this.#isolates.filter((isolate) => isolate !== undefined)
    const isolate = at === undefined ? this.#dice.of(running) : this.#isolates[at]
    if (isolate === undefined) return
    this.requests++
    this.#truth.get(accountKey(account.tenant, account.device))!.askedTokens += cost
    this.#noteTouched(isolate)
    isolate.request(account, cost)
  }

  #noteTouched(isolate: SimIsolate): void {
    if (isolate.edge.line.failures === 0) return
    isolate.touchedUntilMs = this.#events.nowMs + RECOVERY_ROUNDS * this.#plan.roundMs
  }

  #onEnd(isolate: SimIsolate, request: OpenRequest, lease: Lease, end: RequestEnd, waited: boolean): void {
    if (end === 'admitted') {
      this.#tally.count('admitted')
      if (waited) this.#tally.count('waited')
      this.#edgeWatch.onAdmitted(lease, request.cost, this.#hasLapsed(lease))
    } else if (end === 'guaranteed') {
      this.#tally.count('unreachableAdmitted')
      this.#edgeWatch.onGuaranteed(lease, request.cost)
    } else if (end === 'refused') this.#tally.count('refused')
    this.#noteTouched(isolate)
    if (request.account.demand.kind !== 'inShare' || !this.#isCalm(isolate)) return
    this.#tally.count('checkedInShare')
    if (end !== 'admitted') this.#fail('inShare', `${request.account.tenant} at ${isolate.id}: ${end}`)
  }

  /** Whether the node already presumes spent what a lease still holds. */
  #hasLapsed({ tenant, device, session }: Lease): boolean {
    return this.#node.current?.life.sessions.desk(tenant, device)?.lapsed.has(session) ?? false
  }

  /** Whether no fault can touch what happens at an isolate now. */
  #isCalm(isolate: SimIsolate): boolean {
    const nowMs = this.#events.nowMs
    if (nowMs < isolate.touchedUntilMs) return false
    return this.#calmTimes().some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs)
  }

  /** When no fault is felt any more, and none has begun again. */
  #calmTimes(): { readonly fromMs: number; readonly toMs: number }[] {
    const { roundMs, windows, longestDelayMs, endMs } = this.#plan
    const recoveryMs = longestDelayMs + RECOVERY_ROUNDS * roundMs
    const starts = [WARM_UP_ROUNDS * roundMs, ...windows.map(({ toMs }) => toMs + recoveryMs)]
    return starts.map((fromMs, i) => ({ fromMs, toMs: windows[i]?.fromMs ?? endMs }))
  }

  #watchBacklogs(): void {
    const { accounts, roundMs, healAtMs } = this.#plan
    const ledger = () => this.#node.current?.life.ledger
    const feltUntilMs = () => Math.max(0, ...this.#isolates.map((isolate) => isolate?.touchedUntilMs ?? 0))
    const world = { events: this.#events, tally: this.#tally, truth: this.#truth, log: this.#log }
    const seen = { ...world, ledger, feltUntilMs }
    for (const account of accounts) {
      if (account.demand.kind !== 'backlog') continue
      const backlog = new BacklogWatch(seen, account)
      for (const { fromMs, toMs } of this.#calmTimes())
        backlog.watch(fromMs, Math.min(toMs, healAtMs), roundMs)
    }
  }

  #befall(fault: PlannedFault): void {
    const count = this.#tally
    if ('overByMs' in fault && this.#putOff(fault)) return
    switch (fault.kind) {
      case 'message':
        this.#network.force(fault.how)
        break
      case 'edgeCrash':
        if (fault.holding) this.#crashWhenHolding.set(fault.edge, fault.downMs)
        else this.#crashIsolate(fault.edge, fault.downMs)
        break
      case 'nodeCrash':
        if (fault.duringWrite) this.#node.crashAtNextWrite(fault.lastsMs)
        else this.#node.crash(fault.lastsMs)
        break
      case 'staleTwin':
        this.#node.replace(fault.lastsMs)
        break
      case 'edgeClock':
        count.count('edgeClockStep')
        count.count(fault.stepMs > 0 ? 'clockForward' : 'clockBack')
        this.#isolates[fault.edge]?.clock.step(fault.stepMs)
        break
      case 'nodeClock':
        count.count('nodeClockStep')
        count.count(fault.stepMs > 0 ? 'clockForward' : 'clockBack')
        if (fault.stepMs > 0) this.#edgeWatch.noteRestart()
        this.#nodeClock.step(fault.stepMs)
        break
      case 'cut':
        if (fault.edge === undefined) count.count('unreachableNode')
        this.#network.cut(fault.edge === undefined ? undefined : placeOf(fault.edge), fault.lastsMs)
        break
      case 'capacity':
        this.#node.resize(fault.factor)
        break
      case 'settings': {
        const { tenant } = this.#plan.accounts[fault.account]!
        this.#node.configure(tenant, (account) => scaled(account, fault.factor))
        break
      }
    }
  }

  /** Lets a new life of the node wait for what every run needs, while a round would be left for it. */
  #putOff(fault: NewLife): boolean {
    const { overByMs = Number.NEGATIVE_INFINITY, lastsMs } = fault
    const { roundMs } = this.#plan
    const nextMs = this.#events.nowMs + roundMs / 4
    const leftMs = overByMs - nextMs
    if (leftMs < roundMs || this.#tally.missing(['lapsed', 'presumed']).length === 0) return false
    this.#events.at(nextMs, () => this.#befall({ ...fault, lastsMs: Math.min(lastsMs, leftMs) }))
    return true
  }

  /** Crashes an isolate that is to, if it holds tokens now that it has had an answer. */
  #crashHolding(edge: number): void {
    const downMs = this.#crashWhenHolding.get(edge)
    const isolate = this.#isolates[edge]
    if (downMs === undefined || isolate === undefined || !this.#holdsTokens(isolate)) return
    this.#crashWhenHolding.delete(edge)
    this.#crashIsolate(edge, downMs)
  }

  /**
   * Whether the node has granted an isolate more than it has used, in a session both have now. No message on its
   * way can report that as used, so it is presumed spent if the isolate is never heard of again.
   */
  #holdsTokens({ id, edge }: SimIsolate): boolean {
    const sessions = this.#node.current?.life.sessions
    return [...edge.line.leases.values()].some(({ tenant, device, session, used }) => {
      const known = sessions?.desk(tenant, device)?.ofEdge(id)
      return known !== undefined && known.id === session && known.granted > used
    })
  }

  #crashIsolate(edge: number, downMs: number): void {
    const isolate = this.#isolates[edge]
    if (isolate === undefined) return
    this.#tally.count('edgeCrash')
    isolate.edge.kill()
    this.#isolates[edge] = undefined
    this.#events.after(downMs, () => this.#startIsolate(edge))
  }

  /** No request waits longer than it may. */
  #checkWaiting(): void {
    const { roundMs } = this.#plan
    for (const isolate of this.#isolates) {
      for (const { account, atMs } of isolate?.open ?? []) {
        const mostMs = Math.max(account.maxWaitMs, BOOK_LIMITS.answerMs) + 2 * roundMs
        if (this.#events.nowMs - atMs <= mostMs) continue
        this.#fail(
          'waiter',
          `a request of ${account.tenant} at ${isolate!.id} waits since ${Math.round(atMs)} ms`,
        )
      }
    }
  }

  #checkRest(): void {
    const running = this.#node.current
    const unrest = unrestOf(this.#events, this.#network, running, this.#isolates)
    if (unrest !== undefined) this.#fail('rest', unrest)
    this.#nodeWatch.checkAll(running!)
  }

  #fail(invariant: string, detail: string): never {
    throw new Violation(invariant, this.#events.nowMs, detail)
  }
}

/** Names the place of an isolate on the network, whichever life runs there. */
function placeOf(edge: number): string {
  return `edge ${edge}`
}
