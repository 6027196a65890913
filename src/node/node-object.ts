import { DurableObject } from 'cloudflare:workers'
import { COORDINATOR_NAME, type Env, edgeSettings, serviceOf } from '../config.ts'
import type { TenantCapsule } from '../core/capsule.ts'
import { type Checkpoint, checkpointOf } from '../core/checkpoints.ts'
import { configure } from '../core/configure-life.ts'
import type { ConfigAnswer, NodeApi, NodeConfig, NodeState } from '../core/control.ts'
import { settleDepartures } from '../core/departures.ts'
import type { HandedIn } from '../core/late-usage.ts'
import { type LeaseReply, type LeaseRequest, MESSAGE_VERSION } from '../core/messages.ts'
import type { NodeAnswer, NodeMessage } from '../core/migration/types.ts'
import { NodeLife } from '../core/node-life.ts'
import { accountOf, perRound } from '../core/placed.ts'
import { type Place, Places } from '../core/places.ts'
import type { Heartbeat, Reporting } from './heartbeat.ts'
import { NodeStore, type StoredLife } from './node-store.ts'
import type { OtherNodes } from './pass-on.ts'
import { Serving } from './serving.ts'

/** How long after its first configuration a node reports for the first time, ms: spread, not all at once. */
const FIRST_BEAT_MS = { least: 2_000, spread: 28_000 }

/** How long a message of an edge waits for the lease to serve, ms; the edge itself gives up before. */
const ASK_TO_SERVE_MS = 3_000

/** All that is there once a node has been configured. */
interface Running {
  config: NodeConfig
  life: NodeLife
  places: Places
}

/**
 * A physical machine: holds the token ledger of the tenant networks living on it. A thin shell: the core
 * decides, this object reads the clock, writes and answers. Until the coordinator has configured it, it
 * serves nobody.
 */
export class NodeObject extends DurableObject<Env> implements NodeApi {
  readonly #store: NodeStore
  readonly #serving = new Serving()
  #heartbeat: Promise<Heartbeat> | undefined
  #running: Running | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#store = new NodeStore(ctx.storage)
    const config = this.#store.readConfig()
    if (config !== undefined) this.#running = this.#begin(config)
  }

  async lease(request: LeaseRequest): Promise<LeaseReply> {
    const running = this.#running
    if (running === undefined) return nobodyHere(request)
    const { origin } = request
    if (origin !== undefined) void this.#beating().then((heartbeat) => heartbeat.note(origin))
    const elsewhere = request.accounts.some(
      ({ tenant, epoch }) => !isHere(running.places, tenant, epoch, request.forwarded),
    )
    if (request.accounts.some(({ tenant }) => mayBeServed(running.places, tenant))) await this.#askToServe()
    if (!elsewhere) return this.#answer(request)
    const { passOn } = await import('./pass-on.ts')
    return passOn(request, running.places, running.life, this.#others(), {
      answer: (own) => this.#answer(own),
      migrate: (message) => this.migrate(message),
    })
  }

  async configure(config: NodeConfig): Promise<ConfigAnswer> {
    const answer = this.#configure(config)
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + FIRST_BEAT_MS.least + Math.random() * FIRST_BEAT_MS.spread)
    return answer
  }

  /** The heartbeat: probes the origin, reports to the coordinator, forgets what its time has come for. */
  override async alarm(): Promise<void> {
    const heartbeat = await this.#beating()
    await heartbeat.probe(this.#configured().config.spec, {
      origins: edgeSettings(this.env).origins,
      service: (name) => serviceOf(this.env, name),
    })
    await this.#report(heartbeat)
    const { life, places } = this.#configured()
    const swept = places.sweep(Date.now())
    if (swept.size > 0) this.#guard(() => this.#store.write(life.flush(Date.now()), undefined, swept))
  }

  /** The code of the heartbeat is loaded when it first beats: isolates that only serve edges need none of it. */
  #beating(): Promise<Heartbeat> {
    this.#heartbeat ??= import('./heartbeat.ts').then((it) => new it.Heartbeat(this.#serving))
    return this.#heartbeat
  }

  /** Reports, and has the alarm ring when the next report is expected. */
  async #report(heartbeat: Heartbeat): Promise<void> {
    const { config, life, places } = this.#configured()
    const now: Reporting = {
      config,
      life,
      places,
      state: () => this.#state(heartbeat, life),
      obey: (messages) => this.#obey(messages),
    }
    const nextMs = await heartbeat.report(now, () => this.env.COORDINATOR.getByName(COORDINATOR_NAME))
    if (nextMs === undefined) return
    const [atMs, setMs] = [Date.now() + nextMs, await this.ctx.storage.getAlarm()]
    if (setMs === null || setMs > atMs) await this.ctx.storage.setAlarm(atMs)
  }

  /** Gets the lease to serve if it is not live: after a start, or when reports were not answered for long. */
  async #askToServe(): Promise<void> {
    if (this.#serving.live(Date.now())) return
    const heartbeat = await this.#beating()
    if (heartbeat.spared) return
    let timer: ReturnType<typeof setTimeout> | null = null
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ASK_TO_SERVE_MS)
    })
    await Promise.race([this.#report(heartbeat), late])
    if (timer !== null) clearTimeout(timer)
  }

  #configure(config: NodeConfig): ConfigAnswer {
    return this.#guard(() => {
      const known = this.#running?.config
      if (known !== undefined && config.generation < known.generation) {
        return { generation: known.generation, refused: [] }
      }
      // A round of another length is another ledger: it starts as after a restart, nothing is minted.
      if (this.#running === undefined || config.spec.roundMs !== known?.spec.roundMs) {
        if (this.#running !== undefined) this.#store.write(this.#running.life.flush(Date.now()))
        this.#running = this.#begin(config)
      }
      const { life, places } = this.#running
      const nowMs = Date.now()
      const gone = new Map<string, Place | null>()
      const departed = settleDepartures(config.departed ?? [], this.#store.readFinals(), (departure) =>
        places.depart(departure, life, nowMs, gone),
      )
      const changed = new Map([...gone, ...places.configure(config, this.#running.config, life, nowMs)])
      const refused = configure(life, config, places)
      this.#store.write(life.flush(nowMs), { config, finals: departed }, changed)
      this.#running.config = config
      const answer = { generation: config.generation, refused }
      return departed.length === 0 ? answer : { ...answer, departed }
    })
  }

  async migrate(message: NodeMessage<TenantCapsule>): Promise<NodeAnswer<TenantCapsule>> {
    return this.#obey([message])[0]!
  }

  async settle(tenant: string, epoch: number, handedIn: HandedIn): Promise<Checkpoint | null> {
    const { life, places, config } = this.#configured()
    return this.#guard(() => {
      const row = places.get(tenant)?.row
      if (row?.role !== 'active' || row.epoch !== epoch) return null
      life.sessions.settle(handedIn, Date.now())
      this.#store.write(life.flush(Date.now()))
      return checkpointOf(tenant, places, life, config) ?? null
    })
  }

  /** Steps of migrations, in one transaction. */
  #obey(messages: readonly NodeMessage<TenantCapsule>[]): NodeAnswer<TenantCapsule>[] {
    const { life, places, config } = this.#configured()
    return this.#guard(() => {
      const all = new Map<string, Place | null>()
      const answers = messages.map((message) => {
        const { answer, changed } = places.step(message, life, config, Date.now())
        for (const [tenant, place] of changed) all.set(tenant, place)
        return answer
      })
      if (all.size > 0) this.#store.write(life.flush(Date.now()), undefined, all)
      return answers
    })
  }

  async state(): Promise<NodeState> {
    return this.#state(await this.#beating(), this.#configured().life)
  }

  #state(heartbeat: Heartbeat, life: NodeLife): NodeState {
    return this.#guard(() => {
      this.#store.write(life.flush(Date.now()))
      return heartbeat.state(life, this.#configured().config)
    })
  }

  #configured(): Running {
    if (this.#running !== undefined) return this.#running
    throw new Error('this node has not been configured; apply a manifest that names it')
  }

  /** @throws Error when this node may not serve: to the edge it is as unreachable as it is to the coordinator */
  #answer(request: LeaseRequest): LeaseReply {
    if (request.accounts.length > 0 && !this.#serving.live(Date.now())) {
      throw new Error('the coordinator has not renewed the lease to serve')
    }
    return this.#guard(() => {
      const { life, config } = this.#configured()
      const { reply, write } = life.handle(request, Date.now())
      if (write !== undefined) this.#store.write(write)
      if (request.forwarded === undefined) return reply
      return { ...reply, accounts: reply.accounts.map((entry) => ({ ...entry, home: config.node })) }
    })
  }

  #others(): OtherNodes {
    return (name) => this.env.NODES.getByName(name)
  }

  /** Starts a life from what storage holds; a round of another length recounts every account for it. */
  #begin(config: NodeConfig): Running {
    const stored = this.#store.readLife()
    const nowMs = Date.now()
    const { node, spec } = config
    const capacity = { roundTokens: perRound(spec.capacity, spec.roundMs), roundMs: spec.roundMs }
    const life =
      stored === undefined
        ? new NodeLife({ node, ...capacity, nowMs })
        : stored.node.roundMs === spec.roundMs
          ? new NodeLife({ node, stored, nowMs })
          : new NodeLife({ node, ...capacity, stored: recounted(stored, config), nowMs })
    this.#store.write(life.firstWrite)
    return { config, life, places: new Places(node, this.#store.readPlaces(), nowMs) }
  }

  /** After an error in the middle the memory cannot be trusted: what storage holds begins a new life. */
  #guard<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      console.error(error)
      this.ctx.abort('restarting from storage after an internal error')
      throw error
    }
  }
}

/** Whether a report is for an account that is served here and nowhere else. */
function isHere(places: Places, tenant: string, epoch: number, forwarded: true | undefined): boolean {
  const row = places.get(tenant)?.row
  return row?.role === 'active' && (epoch <= row.epoch || forwarded === true)
}

/** Whether the account is here, or may come while the message is handled. */
function mayBeServed(places: Places, tenant: string): boolean {
  const role = places.get(tenant)?.row.role
  return role === 'active' || role === 'staged'
}

/** The tenants of a stored life with bases counted per round of the configured length. */
function recounted(stored: StoredLife, { tenants, spec }: NodeConfig): StoredLife {
  const accounts = new Map(tenants.map((placed) => [placed.tenant, accountOf(placed, spec.roundMs)]))
  return {
    node: stored.node,
    tenants: stored.tenants.flatMap(({ row }) => {
      const account = accounts.get(row.tenant)
      return account === undefined ? [] : [{ account, row }]
    }),
  }
}

function nobodyHere(request: LeaseRequest): LeaseReply {
  const accounts = request.accounts.map(({ tenant }) => ({ tenant, moved: { epoch: 0 } }))
  return { version: MESSAGE_VERSION, accounts }
}
