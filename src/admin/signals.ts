import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { operators } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import { type AdminHono, MAIN } from './env.ts'
import { coordinator } from './objects.ts'
import { writeOptions } from './preconditions.ts'
import { Problem } from './problem.ts'
import { judgedSignal, signalPost } from './schemas.ts'
import { defaultHook } from './validation.ts'

const read = createRoute({
  method: 'get',
  path: '/signals',
  summary: 'Signals as the coordinator sees them: valid, stale (ignored) or upcoming',
  security: SECURITY,
  middleware: [operators('read')] as const,
  responses: { 200: answer(z.object({ items: z.array(judgedSignal).readonly() }), 'Signals') },
})

const post = createRoute({
  method: 'post',
  path: '/signals',
  summary: 'Posts electricity prices and carbon intensities of zones, and notes on nodes',
  security: SECURITY,
  middleware: [operators('signals'), readBody(BODY_LIMITS.signals)] as const,
  request: body(signalPost),
  responses: { 200: answer(z.object({ kept: z.int() }), 'How many signals are kept now') },
})

/** What the outside says. */
export function signalRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(read, async (c) => {
      const items = await coordinator(c).signals()
      return c.json({ items: items.map((signal) => ({ ...signal })) }, 200)
    })
    .openapi(post, async (c) => {
      if (c.env.SIGNALS === undefined) throw new Problem(503, 'no-signals', 'no signal board is bound')
      const { signals } = c.req.valid('json')
      const board = c.env.SIGNALS.getByName(MAIN)
      const answered = await board.fetch('https://signals/post', {
        method: 'POST',
        body: JSON.stringify(signals),
      })
      const outcome = (await answered.json()) as { kept?: number; error?: string }
      if (!answered.ok || outcome.kept === undefined) {
        throw new Problem(400, 'bad-input', outcome.error ?? 'the signal board refused the signals')
      }
      const event = {
        kind: 'Signal',
        name: 'board',
        reason: 'Posted',
        message: `${signals.length} signals`,
      } as const
      await coordinator(c).note(event, await writeOptions(c))
      return c.json({ kept: outcome.kept }, 200)
    })
}
