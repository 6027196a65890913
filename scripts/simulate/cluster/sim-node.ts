import type { TenantCapsule } from '../../../src/core/capsule.ts'
import { type Checkpoint, checkpointOf } from '../../../src/core/checkpoints.ts'
import { configure } from '../../../src/core/configure-life.ts'
import type { ConfigAnswer, NodeConfig } from '../../../src/core/control.ts'
import { type LeaseReply, type LeaseRequest, MESSAGE_VERSION } from '../../../src/core/messages.ts'
import { mayServe, renewServing } from '../../../src/core/migration/serving-lease.ts'
import type { NodeAnswer, NodeMessage } from '../../../src/core/migration/types.ts'
import { type NodeLife, type NodeWrite, StaleLifeError } from '../../../src/core/node-life.ts'
import { perRound } from '../../../src/core/placed.ts'
import type { Place, Places } from '../../../src/core/places.ts'
import { SteadyClock } from '../../../src/core/steady-clock.ts'
import type { Events } from '../events.ts'
import type { SimClock } from '../faults/clock.ts'
import type { Dice } from '../faults/plan.ts'
import type { Calls } from './calls.ts'
import type { LateBooking } from './coordinator-disk.ts'
import { Disk } from './disk.ts'
import type { AccountHeard } from './heard.ts'
import { NodeDisk } from './node-disk.ts'
import type { NodeModel } from './node-model.ts'
import type { ClusterParts } from './parts.ts'
import { passOn } from './pass-on.ts'
import type { ClusterTerms } from './plan.ts'
import type { ClusterTally } from './tally.ts'

/** What a node tells the coordinator, and when it may serve until. */
export interface Heartbeat {
  readonly node: string
  readonly states: readonly Checkpoint[]
}

/** What a node is told: its lease to serve is renewed, after it has obeyed. */
export type HeartbeatAnswer = readonly NodeMessage<TenantCapsule>[]

/** What surrounds a node. */
export interface NodeWorld {
  readonly events: Events
  readonly dice: Dice
  readonly tally: ClusterTally
  readonly parts: ClusterParts
  readonly calls: Calls
  readonly terms: ClusterTerms
  readonly model: NodeModel
  node(name: string): ClusterNode
  onHeartbeat(report: Heartbeat, respond: (answer: HeartbeatAnswer) => void): void
  onStrayAnswer(answer: NodeAnswer<TenantCapsule>): void
}

/** One object of a node, from its start to its end. */
export interface RunningNode {
  readonly number: number
  readonly life: NodeLife
  readonly places: Places
  config: NodeConfig
  readonly steady: SteadyClock
  /** On the steady clock. */
  servingUntilMs: number
  readonly heard: Map<string, AccountHeard>
  dead: boolean
}

/** A node: the real core behind a storage that may lose what was not yet durable, crashes and stale twins. */
export class ClusterNode {
  readonly name: string
  readonly clock: SimClock
  readonly disk = new NodeDisk()
  readonly #world: NodeWorld
  readonly #writes: Disk
  #lives = 0
  #running: RunningNode | undefined
  #twin: RunningNode | undefined
  #down = false

  constructor(name: string, clock: SimClock, world: NodeWorld) {
    this.name = name
    this.clock = clock
    this.#world = world
    this.#writes = new Disk(world.events, world.dice, world.tally, true)
    this.#beat()
  }

  /** The object that owns the storage; undefined while it is down or not configured. */
  get running(): RunningNode | undefined {
    return this.#running
  }

  /** Whether the object's lease to serve is live. */
  mayServe(running: RunningNode): boolean {
    const { ttlMs } = this.#world.terms.serving
    return mayServe(running.steady.read(this.clock.nowMs(), ttlMs), running.servingUntilMs)
  }

  /** A lease message has arrived. */
  lease(request: LeaseRequest, respond: (reply: LeaseReply) => void): void {
    if (this.#down) return
    const running = this.#oneOf()
    if (running === undefined) {
      respond(nobodyHere(request))
      return
    }
    passOn(request, this, running, this.#world, (own, done) => this.#answer(running, own, done), respond)
  }

  /** Does `run` when all that was written here is durable. */
  whenDurable(run: () => void): void {
    this.#writes.whenDurable(run)
  }

  /** A step of a migration has arrived. */
  migrate(message: NodeMessage<TenantCapsule>, respond: (answer: NodeAnswer<TenantCapsule>) => void): void {
    const running = this.#oneOf()
    if (this.#down || running === undefined) return
    const answer = this.#step(running, message)
    if (answer === undefined) return
    if (this.#world.parts.nodeHolds) this.#writes.whenDurable(() => respond(answer))
    else respond(answer)
  }

  /** What a node that was passed over has handed in is to be booked here. */
  settle(epoch: number, late: LateBooking, respond: (state: Checkpoint | null) => void): void {
    const running = this.#oneOf()
    if (this.#down || running === undefined) return
    const { life, places, config } = running
    const { tenant } = late.to
    const row = places.get(tenant)?.row
    if (row?.role !== 'active' || row.epoch !== epoch) {
      this.#writes.whenDurable(() => respond(null))
      return
    }
    const nowMs = this.clock.nowMs()
    life.sessions.settle(late, nowMs)
    this.#world.model.onSettled(running, tenant, late.capsule)
    if (!this.#save(running, life.flush(nowMs))) return
    const state = checkpointOf(tenant, places, life, config) ?? null
    this.#writes.whenDurable(() => respond(state))
  }

  /** A configuration has arrived. */
  configure(config: NodeConfig, respond: (answer: ConfigAnswer) => void): void {
    if (this.#down) return
    this.#running ??= this.#boot(config)
    const running = this.#running
    const known = running.config
    if (config.generation < known.generation) {
      this.#writes.whenDurable(() => respond({ generation: known.generation, refused: [] }))
      return
    }
    const { life, places } = running
    const nowMs = this.clock.nowMs()
    const changed = places.configure(config, known, life, nowMs)
    this.#world.model.onConfigured(this, running, changed)
    const refused = configure(life, config, places)
    running.config = config
    this.#save(running, life.flush(nowMs), config, changed)
    this.#writes.whenDurable(() => respond({ generation: config.generation, refused }))
  }

  /** The object is gone with everything that was not durable. */
  crash(downMs: number): void {
    if (this.#down) return
    this.#world.tally.count('nodeCrash')
    this.#end()
    this.#down = true
    this.#world.events.after(downMs, () => {
      this.#down = false
      this.#bootFromDisk()
    })
  }

  /** The same while the next write is under way. */
  crashAtNextWrite(downMs: number): void {
    this.#writes.armCrash(() => this.crash(downMs))
  }

  /** A new object takes over at once; the old one does not know yet and is still sent messages. */
  replace(lastsMs: number): void {
    const old = this.#running
    if (old === undefined || !this.#writes.isClean) {
      this.crash(0)
      return
    }
    this.#world.tally.count('staleTwin')
    this.#twin = old
    this.#bootFromDisk()
    this.#world.events.after(lastsMs, () => this.#fence(old))
  }

  #oneOf(): RunningNode | undefined {
    return this.#twin !== undefined && this.#world.dice.roll(0.5) ? this.#twin : this.#running
  }

  #bootFromDisk(): void {
    const { config } = this.disk
    this.#running = config === undefined ? undefined : this.#boot(config)
    this.#report()
  }

  #boot(config: NodeConfig): RunningNode {
    const { parts, model } = this.#world
    const nowMs = this.clock.nowMs()
    const stored = this.disk.readLife()
    const { roundMs, capacity } = config.spec
    const terms = { roundTokens: perRound(capacity, roundMs), roundMs }
    const life = parts.newLife({
      node: this.name,
      ...(stored === undefined ? terms : { stored }),
      nowMs,
    })
    const running: RunningNode = {
      number: ++this.#lives,
      life,
      places: parts.newPlaces(this.name, this.disk.readPlaces(), nowMs),
      config,
      steady: new SteadyClock(nowMs),
      servingUntilMs: Number.NEGATIVE_INFINITY,
      heard: this.disk.readHeard(),
      dead: false,
    }
    this.#save(running, life.firstWrite)
    model.onBoot(this, running)
    return running
  }

  #end(): void {
    if (this.#running !== undefined) this.#running.dead = true
    this.#running = undefined
    if (this.#twin !== undefined) this.#fence(this.#twin)
    this.#writes.crash()
  }

  #answer(running: RunningNode, request: LeaseRequest, done: (reply: LeaseReply) => void): void {
    const { model } = this.#world
    let write: NodeWrite | undefined
    let reply: LeaseReply
    try {
      reply = model.onLease(this, running, request, () => {
        const handled = running.life.handle(request, this.clock.nowMs())
        write = handled.write
        return handled.reply
      })
    } catch (error) {
      if (!(error instanceof StaleLifeError) || running === this.#running) throw error
      this.#fence(running)
      return
    }
    if (write !== undefined && !this.#save(running, write)) return
    const { name } = this
    const home = request.forwarded === undefined ? {} : { home: name }
    const named = { ...reply, accounts: reply.accounts.map((entry) => ({ ...entry, ...home })) }
    this.#writes.whenDurable(() => {
      if (!running.dead) done(named)
    })
  }

  #step(running: RunningNode, message: NodeMessage<TenantCapsule>): NodeAnswer<TenantCapsule> | undefined {
    const { life, places, config } = running
    const { model } = this.#world
    const nowMs = this.clock.nowMs()
    const before = places.get(message.tenant)?.row
    const { answer, changed } = places.step(message, life, config, nowMs)
    model.onStep(this, running, message, before, changed)
    const written = changed.size === 0 || this.#save(running, life.flush(nowMs), undefined, changed)
    return written ? answer : undefined
  }

  /** Writes; false when storage says that this object is over. */
  #save(
    running: RunningNode,
    life: NodeWrite,
    config?: NodeConfig,
    places?: ReadonlyMap<string, Place | null>,
  ): boolean {
    if (running.number !== this.#lives) {
      this.#fence(running)
      return false
    }
    const heard = new Map<string, AccountHeard>()
    for (const { account } of life.tenants) {
      const model = running.heard.get(account.tenant)
      if (model !== undefined) heard.set(account.tenant, model.copy())
    }
    const text =
      places === undefined ? undefined : new Map(Array.from(places, ([k, v]) => [k, v && { ...v }]))
    this.#writes.write(() => this.disk.apply({ life, config, places: text, heard }))
    return true
  }

  #fence(running: RunningNode): void {
    if (!running.dead && running === this.#twin) this.#world.tally.count('twinFenced')
    running.dead = true
    if (this.#twin === running) this.#twin = undefined
  }

  #beat(): void {
    const { events, terms } = this.#world
    events.after(this.clock.simulatedMs(terms.heartbeatMs), () => {
      this.#report()
      this.#beat()
    })
  }

  /** Reports how its accounts are, and has its lease to serve renewed. */
  #report(): void {
    const running = this.#running
    if (running === undefined) return
    const { calls, terms, model } = this.#world
    const sentAtMs = running.steady.read(this.clock.nowMs(), terms.serving.ttlMs)
    this.#save(running, running.life.flush(this.clock.nowMs()))
    const report: Heartbeat = { node: this.name, states: model.statesOf(running) }
    this.#writes.whenDurable(() => {
      calls.call<HeartbeatAnswer>(
        this.name,
        'coordinator',
        (respond) => this.#world.onHeartbeat(report, respond),
        (answer) => {
          if (running.dead || running !== this.#running) return
          this.#obey(running, answer)
          running.servingUntilMs = renewServing(sentAtMs, running.servingUntilMs, terms.serving)
        },
      )
    })
  }

  #obey(running: RunningNode, messages: HeartbeatAnswer): void {
    const { calls } = this.#world
    for (const message of messages) {
      const answer = this.#step(running, message)
      if (answer === undefined) continue
      this.#writes.whenDurable(() => {
        calls.call<void>(
          this.name,
          'coordinator',
          () => this.#world.onStrayAnswer(answer),
          () => undefined,
        )
      })
    }
  }
}

function nobodyHere(request: LeaseRequest): LeaseReply {
  const accounts = request.accounts.map(({ tenant }) => ({ tenant, moved: { epoch: 0 } }))
  return { version: MESSAGE_VERSION, accounts }
}
