import { Redis } from '@upstash/redis/cloudflare'
import { Hono, type MiddlewareHandler } from 'hono'
import { RedisStore, rateLimiter } from 'hono-rate-limiter'

interface Env {
  readonly UPSTASH_REDIS_REST_URL: string
  readonly UPSTASH_REDIS_REST_TOKEN: string
}

// As documented for its Redis store; made with the first request, when the environment is known.
let limiter: MiddlewareHandler<{ Bindings: Env }> | undefined

const app = new Hono<{ Bindings: Env }>()
app.use((c, next) => {
  limiter ??= rateLimiter<{ Bindings: Env }>({
    windowMs: 15 * 60 * 1000,
    limit: 1_000_000_000,
    keyGenerator: (context) => context.req.header('host') ?? '',
    store: new RedisStore({ client: Redis.fromEnv(c.env) }),
  })
  return limiter(c, next)
})
app.all('*', (c) => {
  const body = { tenant: 'quiet', node: 'bench', method: c.req.method, path: c.req.path }
  return new Response(`${JSON.stringify(body)}\n`, { headers: { 'Content-Type': 'application/json' } })
})

export default app
