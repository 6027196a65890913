import type { Env } from '../../../src/config.ts'
import type { ConfigAnswer, NodeConfig, NodeState } from '../../../src/core/control.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import { NodeObject as HeldNode, Inspect as Rows } from './held.ts'

export { CoordinatorObject, default, FeedObject, SignalBoard } from './held.ts'

/** How a node is cut off: `cut` nothing comes in or goes out; `mute` only the coordinator never hears it. */
type Severed = 'cut' | 'mute'

/** All objects and entrypoints of one workerd share an isolate. */
const severed = new Map<string, Severed>()
let told = false

interface CutEnv extends Env {
  /** Nodes that are cut off from the start, by commas. */
  readonly STINT_CUT?: string
}

/** Waits for ever while the node is cut off: what is lost is never answered. */
async function arrive(name: string | undefined): Promise<void> {
  while (name !== undefined && severed.get(name) === 'cut') await scheduler.wait(3_600_000)
}

/** What leaves a node that is cut off is lost, and the sender is told so. */
function leave(name: string | undefined, ...how: readonly Severed[]): void {
  const is = name === undefined ? undefined : severed.get(name)
  if (is !== undefined && how.includes(is)) throw new Error('connection lost')
}

/** The node object as it is, but for a network around it that can be cut. */
export class NodeObject extends HeldNode {
  readonly #name: string | undefined

  constructor(ctx: DurableObjectState, env: CutEnv) {
    const { name } = ctx.id
    if (!told) for (const node of (env.STINT_CUT ?? '').split(',')) severed.set(node, 'cut')
    told = true
    const lines = {
      COORDINATOR: through(env.COORDINATOR, () => leave(name, 'cut', 'mute')),
      NODES: through(env.NODES, () => leave(name, 'cut')),
    }
    super(ctx, { ...env, ...lines })
    this.#name = name
  }

  override async lease(request: LeaseRequest): Promise<LeaseReply> {
    await arrive(this.#name)
    return super.lease(request)
  }

  override async configure(config: NodeConfig): Promise<ConfigAnswer> {
    await arrive(this.#name)
    return super.configure(config)
  }

  override async migrate(message: Parameters<HeldNode['migrate']>[0]) {
    await arrive(this.#name)
    return super.migrate(message)
  }

  override async settle(...asked: Parameters<HeldNode['settle']>) {
    await arrive(this.#name)
    return super.settle(...asked)
  }

  override async state(): Promise<NodeState> {
    await arrive(this.#name)
    return super.state()
  }
}

/** The namespace, with something done before every call of its objects. */
function through<Namespace extends object>(namespace: Namespace, first: () => void): Namespace {
  const before = (stub: object) =>
    new Proxy(stub, {
      get: (it, method) => {
        return (...given: readonly unknown[]) => {
          first()
          const call: unknown = Reflect.get(it, method)
          if (typeof call !== 'function') throw new TypeError(`${String(method)} cannot be called`)
          return Reflect.apply(call, it, given)
        }
      },
    })
  return new Proxy(namespace, {
    get: (it, method) => {
      const call: unknown = Reflect.get(it, method)
      if (typeof call !== 'function') return call
      return (...given: readonly unknown[]) => {
        const got: unknown = Reflect.apply(call, it, given)
        return method === 'getByName' || method === 'get' ? before(got as object) : got
      }
    },
  })
}

/** As in `held.ts`, and `/cut/NODE`, `/mute/NODE`, `/heal/NODE`. */
export class Inspect extends Rows {
  override async fetch(request: Request): Promise<Response> {
    const [, how, node] = new URL(request.url).pathname.split('/')
    if (node === undefined) return super.fetch(request)
    if (how === 'cut' || how === 'mute') severed.set(node, how)
    else severed.delete(node)
    return Response.json([...severed])
  }
}
