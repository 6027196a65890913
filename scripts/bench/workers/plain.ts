import { Hono } from 'hono'

/**
 * The limit: the same app and the same answer as Stint's built-in echo, without identifying, admitting or
 * metering anything.
 */
const app = new Hono()
app.all('*', (c) => {
  const body = { tenant: 'quiet', node: 'bench', method: c.req.method, path: c.req.path }
  return new Response(`${JSON.stringify(body)}\n`, { headers: { 'Content-Type': 'application/json' } })
})

export default app
