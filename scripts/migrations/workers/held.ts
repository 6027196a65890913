import { WorkerEntrypoint } from 'cloudflare:workers'
import {
  CoordinatorObject as Coordinator,
  type CoordinatorEnv,
} from '../../../src/coordinator/coordinator-object.ts'
import type { TenantCapsule } from '../../../src/core/capsule.ts'
import type { NodeConfig } from '../../../src/core/control.ts'
import type { HandedIn } from '../../../src/core/late-usage.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { NodeAnswer, NodeMessage, TenantRow } from '../../../src/core/migration/types.ts'
import { NodeObject as Node } from '../../../src/node/node-object.ts'
import type { NodeRows } from '../points.ts'

export { FeedObject } from '../../../src/dashboard/feed-object.ts'
export { SignalBoard } from '../../../src/signals/signal-board.ts'
export { default } from '../../../src/worker.ts'

/** `migration@point`, by commas: where steps of migrations stop and never go on. */
interface Held {
  readonly STINT_HOLD?: string
}

type Named = Pick<Message, 'tenant' | 'epoch'>
type Message = NodeMessage<TenantCapsule>
type Answer = NodeAnswer<TenantCapsule>

/** The points that were reached; all objects and entrypoints of one workerd share an isolate. */
const reached = new Set<string>()

/** Stops here for ever if the binding names this point. */
async function hold({ STINT_HOLD = '' }: Held, { tenant, epoch }: Named, point: string): Promise<void> {
  const name = `${tenant}:${epoch}@${point}`
  if (!STINT_HOLD.split(',').includes(name)) return
  reached.add(name)
  for (;;) await scheduler.wait(60_000)
}

/** The node object as it is, but for its steps that can be held: before the write and after it. */
export class NodeObject extends Node {
  override async migrate(message: Message): Promise<Answer> {
    await hold(this.env as Held, message, `node<${message.kind}`)
    const answer = await super.migrate(message)
    await hold(this.env as Held, message, `node>${answer.kind}`)
    return answer
  }

  override async lease(request: LeaseRequest): Promise<LeaseReply> {
    const reply = await super.lease(request)
    if (request.forwarded === true) {
      for (const entry of reply.accounts) {
        if ('moved' in entry) continue
        await hold(this.env as Held, { tenant: entry.tenant, epoch: entry.epoch }, 'node>news')
      }
    }
    return reply
  }

  /** What storage holds, looked at without the object's own code. */
  async rows(): Promise<NodeRows> {
    const { sql } = this.ctx.storage
    const places = sql.exec<{ tenant: string; value: string }>('SELECT tenant, value FROM place').toArray()
    const accounts = sql.exec<{ tenant: string; value: string }>('SELECT tenant, value FROM account')
    return {
      places: places.map(({ tenant, value }) => {
        const { row } = JSON.parse(value) as { row: TenantRow<TenantCapsule> }
        const admitted = 'capsule' in row ? row.capsule.row.desk.usage.admitted : 0
        return { tenant, role: row.role, epoch: row.epoch, admitted }
      }),
      accounts: accounts.toArray().map(({ tenant, value }) => {
        const { row } = JSON.parse(value) as Pick<TenantCapsule, 'row'>
        return { tenant, admitted: row.desk.usage.admitted }
      }),
    }
  }
}

/** The coordinator as it is, but for its messages that can be held: before they leave and before the answer is read. */
export class CoordinatorObject extends Coordinator {
  constructor(ctx: DurableObjectState, env: CoordinatorEnv & Held) {
    const getByName = (name: string) => {
      const stub = env.NODES.getByName(name)
      return {
        configure: (config: NodeConfig) => stub.configure(config),
        settle: (tenant: string, epoch: number, handedIn: HandedIn) => stub.settle(tenant, epoch, handedIn),
        migrate: async (message: Message) => {
          await hold(env, message, `coordinator<${message.kind}`)
          const answer = (await stub.migrate(message)) as Answer
          await hold(env, message, `coordinator>${answer.kind}`)
          return answer
        },
      }
    }
    super(ctx, { ...env, NODES: { getByName } as unknown as CoordinatorEnv['NODES'] })
  }
}

/** `/reached`: the points where something is held. `/NODE`: what the storage of that node holds. */
export class Inspect extends WorkerEntrypoint<{ NODES: DurableObjectNamespace<NodeObject> }> {
  override async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).pathname.slice(1)
    if (name === 'reached') return Response.json([...reached])
    return Response.json(await this.env.NODES.getByName(name).rows())
  }
}
