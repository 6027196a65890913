import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import {
  type NodeLife,
  type NodeLifeOptions,
  type NodeRow,
  type NodeWrite,
  StaleLifeError,
  type TenantRecord,
} from '../../../src/core/node-life.ts'
import type { TenantAccount } from '../../../src/core/sessions.ts'
import type { Events } from '../events.ts'
import type { SimClock } from './clock.ts'
import { HeardTotals } from './model.ts'
import type { Dice } from './plan.ts'
import type { Tally } from './tally.ts'

/** Durable storage with one owner at a time; it is read as text is, so that nothing but plain data comes back. */
class SimStore {
  owner = 0
  /** What a model of the node would have heard, as of the last durable write. */
  heard = new HeardTotals()
  #node: NodeRow | undefined
  readonly #tenants = new Map<string, TenantRecord>()

  apply(write: NodeWrite): void {
    this.#node = write.node
    for (const record of write.tenants) this.#tenants.set(record.account.tenant, record)
    for (const tenant of write.gone) this.#tenants.delete(tenant)
  }

  read(): { node: NodeRow; tenants: TenantRecord[] } | undefined {
    if (this.#node === undefined) return undefined
    const rows = { node: this.#node, tenants: [...this.#tenants.values()] }
    return JSON.parse(JSON.stringify(rows)) as { node: NodeRow; tenants: TenantRecord[] }
  }
}

/** One life of the node with what surrounds it: writes that are not durable yet, and whether it still runs. */
export interface RunningLife {
  readonly number: number
  readonly life: NodeLife
  readonly heard: HeardTotals
  readonly pending: { readonly write: NodeWrite; readonly heard: HeardTotals }[]
  /** No reply leaves before. */
  gateMs: number
  dead: boolean
}

/** What may be replaced by something broken, and what watches. */
export interface NodeWorld {
  readonly events: Events
  readonly clock: SimClock
  readonly dice: Dice
  readonly tally: Tally
  newLife(options: NodeLifeOptions): NodeLife
  /** Whether replies wait for the writes before them, as behind the platform's output gate. */
  readonly holdsReplies: boolean
  onBoot(running: RunningLife): void
  onHandled(running: RunningLife, request: LeaseRequest, handle: () => LeaseReply): LeaseReply
}

/** Longest time until a write is durable, milliseconds. */
const LONGEST_FSYNC_MS = 20

/** The node: the real core, a store that may lose what was not yet durable, crashes and stale twins. */
export class SimNode {
  readonly #world: NodeWorld
  readonly #store = new SimStore()
  readonly #wanted = new Map<string, TenantAccount>()
  #roundTokens: number
  readonly #roundMs: number
  #current: RunningLife | undefined
  #twin: RunningLife | undefined
  #crashAtNextWrite: (() => void) | undefined

  constructor(world: NodeWorld, roundTokens: number, roundMs: number, tenants: readonly TenantAccount[]) {
    this.#world = world
    this.#roundTokens = roundTokens
    this.#roundMs = roundMs
    for (const tenant of tenants) this.#wanted.set(tenant.tenant, tenant)
    this.#boot()
  }

  /** The life that owns the store; undefined while the node is down. */
  get current(): RunningLife | undefined {
    return this.#current
  }

  /** A message has arrived; `respond` is called when the reply may leave. */
  receive(request: LeaseRequest, respond: (reply: LeaseReply) => void): void {
    const { events, dice, holdsReplies } = this.#world
    const running = this.#twin !== undefined && dice.roll(0.5) ? this.#twin : this.#current
    if (running === undefined) return
    let write: NodeWrite | undefined
    let reply: LeaseReply
    try {
      reply = this.#world.onHandled(running, request, () => {
        const handled = running.life.handle(request, this.#world.clock.nowMs())
        write = handled.write
        return handled.reply
      })
    } catch (error) {
      if (!(error instanceof StaleLifeError) || running === this.#current) throw error
      this.#fence(running)
      return
    }
    if (write !== undefined && !this.#save(running, write)) return
    events.at(holdsReplies ? running.gateMs : events.nowMs, () => {
      if (!running.dead) respond(reply)
    })
  }

  /** The object is gone with everything that was not durable. */
  crash(downMs: number): void {
    const lost = this.#current
    if (lost === undefined) return
    this.#kill(lost)
    this.#world.tally.count('nodeCrash')
    this.#current = undefined
    this.#world.events.after(downMs, () => this.#boot())
  }

  /** The same while the next write is under way. */
  crashAtNextWrite(downMs: number): void {
    this.#crashAtNextWrite = () => this.crash(downMs)
  }

  /** A new object takes over at once; the old one does not know yet and is still sent messages. */
  replace(twinLastsMs: number): void {
    const old = this.#current
    if (old === undefined || old.pending.length > 0) {
      this.crash(0)
      return
    }
    this.#twin = old
    this.#world.tally.count('staleTwin')
    this.#boot()
    this.#world.events.after(twinLastsMs, () => {
      old.dead = true
      if (this.#twin === old) this.#twin = undefined
    })
  }

  resize(factor: number): void {
    this.#roundTokens = Math.floor(this.#roundTokens * factor)
    this.#world.tally.count('capacityChange')
    if (this.#current !== undefined) this.#reconcile(this.#current)
  }

  configure(tenant: string, change: (account: TenantAccount) => TenantAccount): void {
    this.#wanted.set(tenant, change(this.#wanted.get(tenant)!))
    this.#world.tally.count('settingsChange')
    if (this.#current !== undefined) this.#reconcile(this.#current)
  }

  #boot(): void {
    const { clock, newLife, onBoot } = this.#world
    const stored = this.#store.read()
    const options = { node: 'node', roundTokens: this.#roundTokens, roundMs: this.#roundMs }
    const life = newLife({ ...options, ...(stored === undefined ? {} : { stored }), nowMs: clock.nowMs() })
    const heard = new HeardTotals(this.#store.heard)
    const running = { number: ++this.#store.owner, life, heard, pending: [], gateMs: 0, dead: false }
    this.#current = running
    onBoot(running)
    this.#save(running, life.firstWrite)
    this.#reconcile(running)
  }

  /** Level-triggered, as the coordinator's word is: everything wanted is said again. */
  #reconcile(running: RunningLife): void {
    running.life.resize(this.#roundTokens)
    for (const tenant of this.#wanted.values()) running.life.open(tenant)
    this.#save(running, running.life.flush(this.#world.clock.nowMs()))
  }

  /** Writes; false when storage says that this life is over. */
  #save(running: RunningLife, write: NodeWrite): boolean {
    const { events, dice } = this.#world
    if (running.number !== this.#store.owner) {
      this.#fence(running)
      return false
    }
    running.pending.push({ write, heard: new HeardTotals(running.heard) })
    running.gateMs = Math.max(running.gateMs, events.nowMs + 1 + dice.upTo(LONGEST_FSYNC_MS))
    events.at(running.gateMs, () => {
      if (!running.dead) this.#makeDurable(running)
    })
    const crash = this.#crashAtNextWrite
    this.#crashAtNextWrite = undefined
    if (crash !== undefined) events.after(dice.upTo(running.gateMs - events.nowMs), crash)
    return true
  }

  #makeDurable(running: RunningLife): void {
    const { write, heard } = running.pending.shift()!
    this.#store.apply(write)
    this.#store.heard = heard
  }

  /** A stale twin has noticed that its life is over. */
  #fence(running: RunningLife): void {
    this.#world.tally.count('twinFenced')
    running.dead = true
    if (this.#twin === running) this.#twin = undefined
  }

  /** No answer does not mean not done: what was being written may or may not be durable, in order. */
  #kill(running: RunningLife): void {
    running.dead = true
    while (running.pending.length > 0 && this.#world.dice.roll(0.5)) {
      this.#makeDurable(running)
      this.#world.tally.count('writeKept')
    }
    if (running.pending.length > 0) this.#world.tally.count('writeLost')
  }
}
