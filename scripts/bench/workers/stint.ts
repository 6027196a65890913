import { WorkerEntrypoint } from 'cloudflare:workers'
import type { Env } from '../../../src/config.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import { NodeObject as Node } from '../../../src/node/node-object.ts'
import { pause } from './pause.ts'

export * from '../../../src/worker.ts'
export { default } from '../../../src/worker.ts'

/**
 * The node as it is, further away and counted: the added milliseconds lie half before and half after its
 * work, in the object, so that only messages pay for them and the edge's path is left untouched.
 */
export class NodeObject extends Node {
  readonly #delayMs: number
  #messages = 0

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#delayMs = Number((env as Env & { DELAY_MS?: string }).DELAY_MS ?? 0)
  }

  override async lease(request: LeaseRequest): Promise<LeaseReply> {
    this.#messages++
    await pause(this.#delayMs / 2)
    const reply = await super.lease(request)
    await pause(this.#delayMs / 2)
    return reply
  }

  /** Messages of edges since the object started. */
  async messages(): Promise<number> {
    return this.#messages
  }
}

/** On a socket of its own: how many messages a node has had. */
export class Counts extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const node = this.env.NODES.getByName(new URL(request.url).pathname.slice(1))
    return Response.json(await (node as unknown as { messages(): Promise<number> }).messages())
  }
}
