import { toMicro } from '../../../src/core/amount.ts'
import { latestCapsule, type TenantCapsule } from '../../../src/core/capsule.ts'
import type { ConfigAnswer } from '../../../src/core/control.ts'
import { handedInOf } from '../../../src/core/handed-in.ts'
import { nextMessages, onAnswer, recordCheckpoint } from '../../../src/core/migration/coordinator-side.ts'
import { openMigration, type Placement } from '../../../src/core/migration/placement.ts'
import { planMove, requestAbort, type TargetFacts } from '../../../src/core/migration/plan.ts'
import { leaveBehind, messageForStray } from '../../../src/core/migration/strays.ts'
import type { Home, NodeAnswer, NodeMessage } from '../../../src/core/migration/types.ts'
import type { Events } from '../events.ts'
import type { SimClock } from '../faults/clock.ts'
import type { Dice } from '../faults/plan.ts'
import type { Calls } from './calls.ts'
import { inheritable } from './capsules.ts'
import { CoordinatorBook } from './coordinator-book.ts'
import type { CoordinatorState, LateBooking, NodeEntry, TenantState } from './coordinator-disk.ts'
import { configOf, firstRows, hasRoom, lowered, openMoves, targetFacts } from './coordinator-facts.ts'
import { needsTakeover, takeoverBy, waitsForSilent } from './coordinator-takeover.ts'
import { Disk } from './disk.ts'
import { EndTally } from './end-tally.ts'
import { bookLate } from './late-bookings.ts'
import { plain } from './node-disk.ts'
import type { ClusterParts } from './parts.ts'
import type { ClusterPlan, ClusterTerms } from './plan.ts'
import { ServingWatch } from './serving-watch.ts'
import type { ClusterNode, Heartbeat, HeartbeatAnswer } from './sim-node.ts'
import type { ClusterTally } from './tally.ts'

type Place = Placement<TenantCapsule>
type Answer = NodeAnswer<TenantCapsule>

/** Open migrations one node may take part in, each way. */
const LIMITS = { maxMovesIn: 16, maxMovesOut: 16 }

/** What surrounds the coordinator. */
export interface CoordinatorWorld {
  readonly events: Events
  readonly dice: Dice
  readonly tally: ClusterTally
  readonly parts: ClusterParts
  readonly calls: Calls
  readonly plan: ClusterPlan
  node(name: string): ClusterNode
  /** A migration was begun at a time without faults. */
  isCalm(): boolean
}

/**
 * The coordinator: its durable rows, and what an object knows only while it runs. What to send and what an
 * answer means is the core's; here it is written, sent, and sent again.
 */
export class SimCoordinator {
  readonly clock: SimClock
  readonly #world: CoordinatorWorld
  readonly #terms: ClusterTerms
  readonly #book: CoordinatorBook
  #life = 0
  #serving!: ServingWatch
  /** Nodes that are being sent their configuration. */
  #pushing = new Set<string>()
  readonly #ends: EndTally

  constructor(clock: SimClock, world: CoordinatorWorld) {
    this.clock = clock
    this.#world = world
    this.#terms = world.plan.terms
    this.#ends = new EndTally(world.tally)
    const { events, dice, tally, parts } = world
    this.#book = new CoordinatorBook(new Disk(events, dice, tally, parts.coordinatorHolds), parts.recall)
    this.#begin()
    this.#book.save(firstRows(world.plan))
    this.#tick()
  }

  /** What it knows now; undefined while it is down. */
  get state(): CoordinatorState | undefined {
    return this.#book.state
  }

  /** Where a tenant lives. */
  resolve(tenant: string, respond: (found: Home) => void): void {
    const placement = this.#book.state?.tenants.get(tenant)?.placement
    if (placement === undefined || placement.owner === null) return
    const { owner: node, epoch } = placement
    this.#book.whenDurable(() => respond({ node, epoch }))
  }

  /** An operator (or the planner) asks for a move. */
  move(tenant: string, to: string, abortAfterMs?: number): void {
    const { state } = this.#book
    if (state === undefined) return
    const { events, tally } = this.#world
    const { spec, placement } = state.tenants.get(tenant)!
    const request = { tenant, to, reserve: toMicro(spec.base), reason: 'asked' }
    const nowMs = this.clock.nowMs()
    const movesOut = openMoves(state, ({ source }) => source?.node === placement.owner)
    const planned = planMove(placement, request, this.#target(to), movesOut, LIMITS, nowMs)
    if (!planned.ok) {
      tally.count('moveRefused')
      return
    }
    tally.count('moveAsked')
    if (placement.migration !== null) tally.count('secondMoveBehind')
    if (this.#world.isCalm()) this.#ends.expectCalm(planned.value)
    this.#put(planned.value)
    if (abortAfterMs !== undefined) events.after(abortAfterMs, () => this.#abort(tenant))
  }

  /** A node is to be emptied, or takes tenants again. */
  drain(node: string, draining: boolean): void {
    const { state } = this.#book
    const entry = state?.nodes.get(node)
    if (state === undefined || entry === undefined) return
    this.#book.save({ nodes: [{ ...entry, draining }] })
    this.#empty(state)
  }

  /** A tenant is to go back to where it last came from. */
  moveBack(tenant: string): void {
    const from = this.#book.state?.tenants.get(tenant)?.placement.migration?.source?.node
    if (from !== undefined) this.move(tenant, from)
  }

  /** A tenant's base is lowered to `factor` of what it was planned with; its node is told. */
  scale(tenant: string, factor: number): void {
    const known = this.#book.state?.tenants.get(tenant)
    if (known === undefined) {
      this.#world.events.after(this.#terms.callMs, () => this.scale(tenant, factor))
      return
    }
    this.#world.tally.count('settingsChange')
    const { spec: planned } = this.#world.plan.tenants.find(({ name }) => name === tenant)!
    this.#book.save({
      tenants: [{ ...known, spec: lowered(known.spec, planned, factor) }],
      nodes: this.#book.renewed([known.placement.owner]),
    })
    this.#work()
  }

  /** Every node is told anew what it should know. */
  reconfigure(): void {
    this.#book.save({ nodes: this.#book.renewed(this.#world.plan.nodes.map(({ name }) => name)) })
    this.#work()
  }

  crash(downMs: number): void {
    const { state } = this.#book
    if (state === undefined) return
    const { tally, events } = this.#world
    tally.count('coordinatorCrash')
    const open = [...state.tenants.values()].some(({ placement }) => openMigration(placement) !== null)
    if (open) tally.count('openAtCoordinatorCrash')
    this.#life++
    this.#book.crash()
    events.after(downMs, () => this.#begin())
  }

  crashAtNextWrite(downMs: number): void {
    this.#book.armCrash(() => this.crash(downMs))
  }

  /** A node's report: its lease to serve counts from now, and it is told what became of its tenants. */
  heartbeat({ node, states }: Heartbeat, respond: (answer: HeartbeatAnswer) => void): void {
    const { state } = this.#book
    if (state === undefined) return
    const changed: TenantState[] = []
    for (const checkpoint of states) {
      const known = state.tenants.get(checkpoint.tenant)!
      const { epoch } = checkpoint
      const placement = recordCheckpoint(known.placement, { node, epoch }, inheritable(node, checkpoint))
      if (placement !== known.placement) changed.push({ ...known, placement })
    }
    this.#serving.heard(node)
    this.#book.save({ tenants: changed })
    const messages: NodeMessage<TenantCapsule>[] = []
    for (const { placement } of state.tenants.values()) {
      const message = messageForStray(placement, node)
      if (message !== null) messages.push(message)
    }
    this.#book.whenDurable(() => respond(plain(messages)))
  }

  /** A node's word on a step. */
  take(answer: Answer): void {
    const known = this.#book.state?.tenants.get(answer.tenant)
    if (known === undefined) return
    const before = known.placement
    const nowMs = this.clock.nowMs()
    const { placement, booking } = onAnswer(before, answer, nowMs, this.#terms.moves, latestCapsule)
    if (placement === before) return
    if (placement.strays.length < before.strays.length) this.#world.tally.count('strayCollected')
    const news = placement.owner === before.owner ? [] : [placement.owner, before.owner]
    const late =
      answer.kind === 'retired' ? { ...handedInOf(answer, booking), capsule: answer.capsule } : null
    this.#put(placement, news, late)
    this.#ends.note(before, placement)
  }

  #begin(): void {
    this.#book.begin()
    this.#serving = new ServingWatch(this.clock, this.#world.plan, this.#world.parts.servingLapsed)
    this.#pushing = new Set()
    this.#world.events.after(0, () => this.#work())
  }

  /** Whether a node has certainly stopped serving. */
  #lapsed(node: string): boolean {
    return this.#serving.lapsed(node)
  }

  #tick(): void {
    this.#world.events.after(this.clock.simulatedMs(this.#terms.heartbeatMs), () => {
      const { state } = this.#book
      if (state !== undefined) {
        this.#serving.tick()
        this.#replaceSilent(state)
        this.#empty(state)
        bookLate(this.#book, this.#world)
        this.#work()
      }
      this.#tick()
    })
  }

  /** Sends what is due, and has itself woken for what will be. */
  #work(): void {
    const { state } = this.#book
    if (state === undefined) return
    for (const name of state.tenants.keys()) this.#drive(name)
    for (const entry of state.nodes.values()) {
      if (entry.acked < entry.generation && !this.#pushing.has(entry.name)) this.#push(entry)
    }
  }

  #drive(tenant: string): void {
    const known = this.#book.state?.tenants.get(tenant)
    if (known === undefined || openMigration(known.placement) === null) return
    const { events, calls } = this.#world
    const nowMs = this.clock.nowMs()
    const { placement, messages, alarmAtMs } = nextMessages(known.placement, nowMs, this.#terms.moves)
    if (messages.length === 0) return
    this.#book.save({ tenants: [{ ...known, placement }] })
    const life = this.#life
    this.#book.whenDurable(() => {
      for (const { to, message } of messages) {
        calls.call<Answer>(
          'coordinator',
          to,
          (respond) => this.#world.node(to).migrate(plain(message), respond),
          (answer) => this.take(plain(answer)),
        )
      }
    })
    if (alarmAtMs === null) return
    events.after(this.clock.simulatedMs(alarmAtMs - nowMs), () => {
      if (life === this.#life) this.#drive(tenant)
    })
  }

  #push({ name }: NodeEntry): void {
    const { calls, events } = this.#world
    const life = this.#life
    this.#pushing.add(name)
    this.#book.whenDurable(() => {
      const config = configOf(this.#book.state!, this.#world.plan, name)
      calls.call<ConfigAnswer>(
        'coordinator',
        name,
        (respond) => this.#world.node(name).configure(config, respond),
        ({ generation }) => {
          const entry = this.#book.state?.nodes.get(name)
          if (entry !== undefined && generation > entry.acked)
            this.#book.save({ nodes: [{ ...entry, acked: generation }] })
        },
      )
    })
    events.after(this.#terms.callMs, () => {
      if (life !== this.#life) return
      this.#pushing.delete(name)
      this.#work()
    })
  }

  /** Tenants of nodes that fell silent get another one; what only waits for a silent node is closed. */
  #replaceSilent(state: CoordinatorState): void {
    const { tally } = this.#world
    const nowMs = this.clock.nowMs()
    for (const { placement, spec } of state.tenants.values()) {
      const open = openMigration(placement)
      const left = waitsForSilent(placement, (node) => this.#lapsed(node))
        ? leaveBehind(placement, nowMs)
        : undefined
      if (left?.ok) {
        tally.count('leftBehind')
        this.#put(left.value)
        this.#ends.note(placement, left.value)
        continue
      }
      if (!needsTakeover(placement, (node) => this.#lapsed(node))) continue
      const taken = takeoverBy(placement, spec, this.#world.plan, {
        target: (node) => this.#target(node),
        lapsed: (node) => this.#lapsed(node),
        nowMs,
      })
      if (taken === undefined) continue
      tally.count('takeoverBegun')
      if (open !== null) tally.count('takeoverOfOpenMove')
      this.#put(taken)
    }
  }

  /** Drained nodes hand their tenants to whoever has room. */
  #empty(state: CoordinatorState): void {
    const others = this.#world.plan.nodes.map((node) => node.name)
    for (const { name: node, draining } of state.nodes.values()) {
      if (!draining) continue
      for (const { name, placement, spec } of state.tenants.values()) {
        if (placement.owner !== node || openMigration(placement) !== null) continue
        const to = others.find((it) => it !== node && hasRoom(this.#target(it), spec))
        if (to === undefined) continue
        this.#world.tally.count('drained')
        this.move(name, to)
      }
    }
  }

  #target(node: string): TargetFacts {
    return targetFacts(this.#book.state!, this.#world.plan, node, this.#lapsed(node))
  }

  #abort(tenant: string): void {
    const known = this.#book.state?.tenants.get(tenant)
    if (known === undefined) return
    const asked = requestAbort(known.placement, this.clock.nowMs())
    this.#world.tally.count(asked.ok ? 'abortAsked' : 'abortTooLate')
    if (asked.ok) this.#put(asked.value)
  }

  /** Keeps a tenant's row and, in the same transaction, that nodes have news; and sends what is due by it. */
  #put(placement: Place, news: readonly (string | null)[] = [], booking: LateBooking | null = null) {
    const known = this.#book.state!.tenants.get(placement.tenant)!
    this.#book.save({ tenants: [{ ...known, placement }], nodes: this.#book.renewed(news), booking })
    this.#work()
  }
}
