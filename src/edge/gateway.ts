import type { ExecutionContext, Hono } from 'hono'
import { Hono as Router } from 'hono/tiny'
import { type EdgeEnv, LIMITS, type Limits } from '../config.ts'
import type { EdgeTally } from '../core/edge-tally.ts'
import { failure } from './answers.ts'
import { Isolate } from './isolate.ts'
import type { Execution } from './refill.ts'
import { forward } from './upstream.ts'

/** Answers requests that are no tenant's, and says nothing to the others. */
export type Aside<Env> = (
  url: string,
  request: Request,
  env: Env,
  execution: ExecutionContext,
) => Response | Promise<Response> | undefined

/**
 * The edge as a Hono app: every request is identified, admitted, shaped, forwarded and metered.
 *
 * @param limits bounds of one isolate; those not given have their defaults
 * @param tally counts what admission costs, for metrics
 * @param aside is asked first; told the URL because reading it from the request is not free
 *
 * @example
 * const gateway = createGateway()
 * export default { fetch: gateway.fetch }
 */
export function createGateway<Env extends EdgeEnv>(
  limits: Partial<Limits> = {},
  tally?: EdgeTally,
  aside?: Aside<Env>,
): Hono<{ Bindings: Env }> {
  let isolate: Isolate | undefined
  const answer = (request: Request, env: Env, execution: ExecutionContext): Response | Promise<Response> => {
    const { url } = request
    const other = aside?.(url, request, env, execution)
    if (other !== undefined) return other
    // Random ids exist only inside a request, so the isolate's state begins with its first one.
    isolate ??= new Isolate({ ...LIMITS, ...limits }, tally)
    try {
      const answered = serve(isolate, url, request, env, execution)
      return answered instanceof Promise ? answered.catch(broken) : answered
    } catch (error) {
      return broken(error)
    }
  }
  const gateway = new Router<{ Bindings: Env }>()
  gateway.all('*', (c) => answer(c.req.raw, c.env, c.executionCtx))
  // There is one route: to find it, Hono would read the URL and make a context of 1 KB that nobody looks at.
  const { fetch } = gateway
  gateway.fetch = (request, env, execution) =>
    request.method === 'HEAD' || env === undefined || execution === undefined
      ? fetch(request, env, execution)
      : answer(request, env as Env, execution)
  return gateway
}

function broken(error: unknown): Response {
  console.error(error)
  return failure(500, 'internal', 'an error on our side; it was logged')
}

function serve(
  isolate: Isolate,
  url: string,
  request: Request,
  env: EdgeEnv,
  execution: Execution,
): Response | Promise<Response> {
  const visit = isolate.open(url, request, env, execution)
  if (visit instanceof Response) return visit
  const entry = isolate.enter(visit)
  if (entry instanceof Promise) {
    return entry.then((it) => (it instanceof Response ? it : forward(isolate, visit, it)))
  }
  return entry instanceof Response ? entry : forward(isolate, visit, entry)
}
