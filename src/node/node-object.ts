import { DurableObject } from 'cloudflare:workers'
import type { ConfigAnswer, NodeApi, NodeConfig, NodeState } from '../core/control.ts'
import { type LeaseReply, type LeaseRequest, MESSAGE_VERSION } from '../core/messages.ts'
import { NodeLife } from '../core/node-life.ts'
import { accountOf, perRound } from '../core/placed.ts'
import { configure } from './configure.ts'
import { stateOf } from './node-state.ts'
import { NodeStore, type StoredLife } from './node-store.ts'

/**
 * A physical machine: holds the token ledger of the tenant networks living on it. A thin shell: the core
 * decides, this object reads the clock, writes and answers. Until the coordinator has configured it, it
 * serves nobody.
 */
export class NodeObject extends DurableObject implements NodeApi {
  readonly #store: NodeStore
  #config: NodeConfig | undefined
  #life: NodeLife | undefined

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never)
    this.#store = new NodeStore(ctx.storage)
    this.#config = this.#store.readConfig()
    if (this.#config !== undefined) this.#life = this.#begin(this.#config)
  }

  async lease(request: LeaseRequest): Promise<LeaseReply> {
    if (this.#life === undefined) return nobodyHere(request)
    return this.#guard(() => {
      const { reply, write } = this.#life!.handle(request, Date.now())
      if (write !== undefined) this.#store.write(write)
      return reply
    })
  }

  async configure(config: NodeConfig): Promise<ConfigAnswer> {
    return this.#guard(() => {
      const known = this.#config
      if (known !== undefined && config.generation < known.generation) {
        return { generation: known.generation, refused: [] }
      }
      // A round of another length is another ledger: it starts as after a restart, nothing is minted.
      if (this.#life === undefined || config.spec.roundMs !== known?.spec.roundMs) {
        if (this.#life !== undefined) this.#store.write(this.#life.flush(Date.now()))
        this.#life = this.#begin(config)
      }
      const refused = configure(this.#life, config)
      this.#store.write(this.#life.flush(Date.now()), config)
      this.#config = config
      return { generation: config.generation, refused }
    })
  }

  async state(): Promise<NodeState> {
    if (this.#life === undefined || this.#config === undefined) {
      throw new Error('this node has not been configured; apply a manifest that names it')
    }
    const [life, config] = [this.#life, this.#config]
    return this.#guard(() => {
      this.#store.write(life.flush(Date.now()))
      return stateOf(life, config)
    })
  }

  /** Starts a life from what storage holds; a round of another length recounts every account for it. */
  #begin(config: NodeConfig): NodeLife {
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
    return life
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
