import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { EventQuery, JournalEvent } from '../core/coordinator-api.ts'
import { readers } from './authenticate.ts'
import { answer, SECURITY } from './contract.ts'
import type { AdminHono, Principal } from './env.ts'
import { coordinator } from './objects.ts'
import { Problem } from './problem.ts'
import { eventsFor } from './redact.ts'
import { eventQuery, journalEvent } from './schemas.ts'
import { defaultHook } from './validation.ts'

/** How a watch runs: polls by the reader's pull, and ends so that nobody is connected for long. */
const WATCH = { pollMs: 500, endAfterMs: 60_000, retryMs: 500, batch: 100 } as const

const list = createRoute({
  method: 'get',
  path: '/events',
  summary: 'The journal, oldest first; without `after` its newest entries; a tenant sees its own',
  security: SECURITY,
  middleware: [readers()] as const,
  request: { query: eventQuery },
  responses: { 200: answer(z.object({ items: z.array(journalEvent).readonly() }), 'Events') },
})

const watch = createRoute({
  method: 'get',
  path: '/watch',
  summary: 'The journal as server-sent events; go on with Last-Event-ID after it ends',
  security: SECURITY,
  middleware: [readers()] as const,
  request: { query: eventQuery },
  responses: {
    200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } },
  },
})

/** The journal. */
export function eventRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(list, async (c) => {
      const principal = c.get('principal')
      const events = await coordinator(c).events(visibleTo(principal, c.req.valid('query')))
      return c.json({ items: eventsFor(principal, events) }, 200)
    })
    .openapi(watch, async (c) => {
      const principal = c.get('principal')
      const query = visibleTo(principal, c.req.valid('query'))
      const last = c.req.header('last-event-id')
      if (last !== undefined && !/^\d{1,15}$/.test(last)) {
        throw new Problem(400, 'bad-input', 'Last-Event-ID must be the id of an event')
      }
      const after = last === undefined ? query.after : Number(last)
      const read = async (from: number | undefined) => {
        const page = { ...query, limit: WATCH.batch, ...(from === undefined ? {} : { after: from }) }
        return eventsFor(principal, await coordinator(c).events(page))
      }
      const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
      return new Response(eventStream(read, after), { headers })
    })
}

/** What a principal may ask for: a tenant only what is about itself. */
function visibleTo(
  principal: Principal,
  { after, limit, kind, name }: z.infer<typeof eventQuery>,
): EventQuery {
  const from = after === undefined ? {} : { after }
  if (principal.tenant !== undefined) return { ...from, limit, kind: 'Tenant', name: principal.tenant }
  return {
    ...from,
    limit,
    ...(kind === undefined ? {} : { kind }),
    ...(name === undefined ? {} : { name }),
  }
}

type ReadEvents = (after: number | undefined) => Promise<readonly JournalEvent[]>

/** Reads on only when the client has taken what it was sent, so that one who never reads costs nothing. */
function eventStream(read: ReadEvents, start: number | undefined): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const endMs = Date.now() + WATCH.endAfterMs
  let after = start
  let begun = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (!begun) {
          begun = true
          controller.enqueue(encoder.encode(`retry: ${WATCH.retryMs}\n\n`))
          return
        }
        while (Date.now() < endMs) {
          const events = await read(after)
          // Without a start the newest come first; from then on only later ones.
          after = events.at(-1)?.seq ?? after ?? 0
          if (events.length > 0) {
            controller.enqueue(encoder.encode(events.map(frame).join('')))
            return
          }
          await new Promise((resolve) => setTimeout(resolve, WATCH.pollMs))
        }
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

function frame(event: JournalEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
