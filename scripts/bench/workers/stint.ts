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

type Objects = Record<'NODES' | 'COORDINATOR', { getByName(name: string): Record<string, unknown> }>
interface Call {
  readonly binding: keyof Objects
  readonly name: string
  readonly method: string
  readonly parameters: readonly unknown[]
}

/** On a socket of its own: how many messages a node has had, and calls passed on from elsewhere. */
export class Inside extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const objects = this.env as unknown as Objects
    const { binding, name, method, parameters }: Call =
      request.method === 'POST'
        ? await request.json()
        : {
            binding: 'NODES',
            name: new URL(request.url).pathname.slice(1),
            method: 'messages',
            parameters: [],
          }
    const stub = objects[binding].getByName(name) as Record<string, (...given: readonly unknown[]) => unknown>
    return Response.json(await stub[method]!(...parameters))
  }
}
