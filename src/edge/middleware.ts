import type { Context, Env, MiddlewareHandler } from 'hono'
import { type EdgeEnv, LIMITS, type Limits } from '../config.ts'
import { parseTokens } from '../core/amount.ts'
import { failure } from './answers.ts'
import { declaredLength, passBody } from './body.ts'
import { finish } from './finish.ts'
import { Isolate } from './isolate.ts'
import type { Meter } from './meter.ts'
import { BORROWED_HEADER } from './shared-head.ts'

/** How the middleware treats the requests of an application. */
export interface IsolateOptions<E extends Env> {
  /**
   * The name of the tenant a request belongs to; undefined answers 404. Without this option tenants are found
   * by host name, path prefix and API key, as their manifests say.
   */
  readonly tenant?: (c: Context<E>) => string | undefined | Promise<string | undefined>
  /** What the request costs, in tokens (at most six decimals), instead of what the tenant's manifest says. */
  readonly cost?: (c: Context<E>) => number
  /** Where the objects are bound, if not as `NODES` and `COORDINATOR`. */
  readonly bindings?: (c: Context<E>) => EdgeEnv
  /** Bounds of one isolate; those not given have their defaults. */
  readonly limits?: Partial<Limits>
}

/**
 * Guarantees every tenant of an application its own rate and lends what is idle: requests beyond that wait or
 * are answered 429 before any handler runs. The answer's `Stint-Cost` header (or the one the tenant's manifest
 * names) tells what a request was worth after all, in tokens; it is taken off.
 *
 * Use it once, before everything that costs: what it knows is kept in the memory of the isolate. Bytes of
 * answers are counted where they cost something or their length is declared.
 *
 * @throws RangeError when `cost` returns no amount of tokens
 *
 * @example
 * const app = new Hono<{ Bindings: EdgeEnv }>()
 * app.use(isolate({ tenant: (c) => c.req.header('X-Team'), cost: (c) => (c.req.method === 'POST' ? 5 : 1) }))
 * app.get('/', (c) => c.text('hello'))
 * export default app
 * export { CoordinatorObject, NodeObject } from 'stint'
 */
export function isolate<E extends Env = { Bindings: EdgeEnv }>(
  options: IsolateOptions<E> = {},
): MiddlewareHandler<E> {
  let state: Isolate | undefined
  return async function isolate(c, next) {
    state ??= new Isolate({ ...LIMITS, ...options.limits })
    const env = options.bindings === undefined ? (c.env as EdgeEnv) : options.bindings(c)
    const opened = state.open(c.req.url, c.req.raw, env, c.executionCtx)
    if (opened instanceof Response) return opened
    const visit = options.cost === undefined ? opened : { ...opened, cost: microOf(options.cost(c)) }
    let tenant: string | undefined
    if (options.tenant !== undefined) {
      const named = options.tenant(c)
      tenant = named instanceof Promise ? await named : named
      if (tenant === undefined) return failure(404, 'no-such-tenant', 'this request belongs to no tenant')
    }
    const entered = state.enter(visit, tenant)
    const meter = entered instanceof Promise ? await entered : entered
    if (meter instanceof Response) return meter
    if (meter.metersRequest && c.req.raw.body !== null) c.req.raw = metered(c.req.raw, meter)
    await next()
    settle(c, meter)
    return undefined
  }
}

function microOf(tokens: number): number {
  const parsed = parseTokens(tokens)
  if (!parsed.ok) throw new RangeError(`the cost of a request ${parsed.error}`)
  return parsed.value
}

function metered(request: Request, meter: Meter): Request {
  const body = passBody(request.body!, {
    pass: (bytes) => meter.passIn(bytes),
    length: declaredLength(request.headers),
  })
  return new Request(request, { body })
}

/** Settles in place where it can: copying an answer costs more than all the rest. */
function settle<E extends Env>(c: Context<E>, meter: Meter): void {
  const answer = c.res
  if (answer.webSocket != null) return
  if (!meter.metersAnswer && changeable(answer.headers)) {
    meter.settle(answer.headers)
    meter.countOut(declaredLength(answer.headers) ?? 0)
    return
  }
  // Hono would put the headers of the old answer back onto the new one.
  c.res = undefined
  c.res = finish(answer, meter)
}

/** The headers of an answer that came by `fetch` cannot be changed, and nothing but trying tells. */
function changeable(headers: Headers): boolean {
  try {
    // Only we may say it.
    headers.delete(BORROWED_HEADER)
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
