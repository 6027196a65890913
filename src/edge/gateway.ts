import { Hono } from 'hono'
import type { Env, Limits } from '../config.ts'
import { failure } from './answers.ts'
import { Isolate } from './isolate.ts'

/**
 * The edge as a Hono app: every request is identified, admitted, shaped, forwarded and metered.
 *
 * @example
 * const gateway = createGateway(LIMITS)
 * export default { fetch: gateway.fetch }
 */
export function createGateway(limits: Limits): Hono<{ Bindings: Env }> {
  const gateway = new Hono<{ Bindings: Env }>()
  let isolate: Isolate | undefined
  gateway.all('*', (c) => {
    // Random ids exist only inside a request, so the isolate's state begins with its first one.
    isolate ??= new Isolate(limits)
    return isolate.serve(c.req.raw, c.env, c.executionCtx)
  })
  gateway.onError((error) => {
    console.error(error)
    return failure(500, 'internal', 'an error on our side; it was logged')
  })
  return gateway
}
