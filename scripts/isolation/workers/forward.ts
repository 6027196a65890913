import { Hono } from 'hono'

/** What stands at the edge without Stint: everything goes on to the machine. */
const app = new Hono<{ Bindings: { readonly SERVICE_MACHINE: Fetcher } }>()
app.all('*', (c) => c.env.SERVICE_MACHINE.fetch(c.req.raw))
// Clients that leave are no news.
app.onError((_error, c) => c.text('the machine did not answer\n', 502))

export default app
