import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from '@upstash/redis/cloudflare'
import { Hono } from 'hono'

interface Env {
  readonly UPSTASH_REDIS_REST_URL: string
  readonly UPSTASH_REDIS_REST_TOKEN: string
}

// As its README's basic usage has it, analytics on; made with the first request, when the environment is known.
let ratelimit: Ratelimit | undefined

const app = new Hono<{ Bindings: Env }>()
app.all('*', async (c) => {
  ratelimit ??= new Ratelimit({
    redis: Redis.fromEnv(c.env),
    limiter: Ratelimit.slidingWindow(1_000_000_000, '10 s'),
    analytics: true,
    prefix: '@upstash/ratelimit',
  })
  const { success, pending } = await ratelimit.limit('quiet')
  c.executionCtx.waitUntil(pending)
  if (!success) return c.text('Unable to process at this time', 429)
  const body = { tenant: 'quiet', node: 'bench', method: c.req.method, path: c.req.path }
  return new Response(`${JSON.stringify(body)}\n`, { headers: { 'Content-Type': 'application/json' } })
})

export default app
