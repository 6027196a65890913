import { DurableObject } from 'cloudflare:workers'

/** What the platform itself calls. */
interface Started {
  alarm?(info?: AlarmInvocationInfo): Promise<void> | void
  fetch?(request: Request): Promise<Response> | Response
  webSocketMessage?(socket: WebSocket, message: string | ArrayBuffer): Promise<void> | void
  webSocketClose?(socket: WebSocket, code: number, reason: string, clean: boolean): Promise<void> | void
}

/** A class of Durable Objects. */
type ObjectClass<Env> = new (ctx: DurableObjectState, env: Env) => Started

/** Every method that others call. `true` for each, so that the compiler misses none. */
type Methods<Api> = Readonly<Record<keyof Api & string, true>>

type Calls = Record<string, (...parameters: readonly unknown[]) => unknown>

/**
 * A class of Durable Objects whose code is loaded when one of them starts, and not by every isolate that only
 * serves requests. No event reaches the object before its code is there.
 *
 * @param methods what callers may call; beside them requests, the alarm and hibernated sockets are passed on
 */
export function onDemand<Env, Api>(methods: Methods<Api>, load: () => Promise<ObjectClass<Env>>) {
  const started = new WeakMap<object, Started>()

  class OnDemand extends DurableObject<Env> {
    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env)
      ctx.blockConcurrencyWhile(async () => {
        const Loaded = await load()
        started.set(this, new Loaded(ctx, env))
      })
    }

    override async alarm(info?: AlarmInvocationInfo): Promise<void> {
      await started.get(this)!.alarm?.(info)
    }

    override async fetch(request: Request): Promise<Response> {
      return (await started.get(this)!.fetch?.(request)) ?? new Response(null, { status: 404 })
    }

    override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
      await started.get(this)!.webSocketMessage?.(socket, message)
    }

    override async webSocketClose(
      socket: WebSocket,
      code: number,
      reason: string,
      clean: boolean,
    ): Promise<void> {
      await started.get(this)!.webSocketClose?.(socket, code, reason, clean)
    }
  }
  for (const method of Object.keys(methods)) {
    Object.defineProperty(OnDemand.prototype, method, {
      value(this: OnDemand, ...parameters: readonly unknown[]) {
        const object: object = started.get(this)!
        return (object as Calls)[method]!(...parameters)
      },
    })
  }
  return OnDemand
}
