import { Hono } from 'hono'

/** The limit once more, with its answer's head made once, as Stint makes its own: no app gets below this. */
const app = new Hono()
let head: Response | undefined
app.all('*', (c) => {
  const body = { tenant: 'quiet', node: 'bench', method: c.req.method, path: c.req.path }
  head ??= new Response(null, { headers: { 'Content-Type': 'application/json' } })
  return new Response(`${JSON.stringify(body)}\n`, head)
})

export default app
