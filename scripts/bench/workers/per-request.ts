import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'
import { pause } from './pause.ts'

interface Env {
  readonly COUNTER: DurableObjectNamespace<Counter>
  /** Milliseconds added between edge and object. */
  readonly DELAY_MS: string
  /** `1`: every count is durable before it is answered. */
  readonly DURABLE: string
}

/** The usual way to limit globally: one object counts every request. */
export class Counter extends DurableObject<Env> {
  #tokens = 0

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, used INTEGER)')
    const [row] = ctx.storage.sql.exec<{ used: number }>('SELECT used FROM counter WHERE id = 1')
    this.#tokens = row?.used ?? 0
  }

  async admit(cost: number): Promise<boolean> {
    this.#tokens += cost
    if (this.env.DURABLE === '1') {
      this.ctx.storage.sql.exec(
        'INSERT INTO counter (id, used) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET used = ?1',
        this.#tokens,
      )
    }
    return this.#tokens < Number.MAX_SAFE_INTEGER
  }
}

const app = new Hono<{ Bindings: Env }>()
app.all('*', async (c) => {
  // Added on this side: many timers in one object would cost it more than the distance they stand for.
  await pause(Number(c.env.DELAY_MS))
  if (!(await c.env.COUNTER.getByName('quiet').admit(1))) return c.text('too many requests', 429)
  const body = { tenant: 'quiet', node: 'bench', method: c.req.method, path: c.req.path }
  return new Response(`${JSON.stringify(body)}\n`, { headers: { 'Content-Type': 'application/json' } })
})

export default app
