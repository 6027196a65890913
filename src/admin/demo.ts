import { Hono } from 'hono'
import { z } from 'zod'
import { operators } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import type { AdminHono, Neighbours } from './env.ts'
import { coordinator } from './objects.ts'
import { Problem } from './problem.ts'

/** Most requests of one call, and how many of them are under way at a time. */
const DEMO = { requests: 500, parallel: 50 } as const

const burst = z.strictObject({ tenant: z.string().max(63), requests: z.int().min(1).max(DEMO.requests) })

/**
 * The demo's traffic: `POST /demo/load` sends a burst to a tenant from here. The page repeats it while its
 * switch is on, so that closing the page ends it. There is nothing behind the path unless `STINT_DEMO` is 1.
 */
export function demoRoutes({ toEdge }: Neighbours) {
  return new Hono<AdminHono>().post(
    '/demo/load',
    async (c, next) => {
      if (c.env.STINT_DEMO === '1' && toEdge !== undefined) return next()
      throw new Problem(404, 'not-found', 'there is no such route')
    },
    operators('write'),
    readBody(BODY_LIMITS.small),
    async (c) => {
      const asked = burst.safeParse(c.get('body'))
      if (!asked.success)
        throw new Problem(400, 'bad-input', `tenant, and requests from 1 to ${DEMO.requests}`)
      const { tenant, requests } = asked.data
      const found = await coordinator(c).tenant(tenant)
      const host = found?.manifest.spec.hosts.find((it) => !it.startsWith('*'))
      if (host === undefined) throw new Problem(404, 'not-found', 'there is no such tenant with a host name')
      const byStatus: Record<number, number> = {}
      for (let sent = 0; sent < requests; sent += DEMO.parallel) {
        const size = Math.min(DEMO.parallel, requests - sent)
        const answers = await Promise.all(
          Array.from({ length: size }, async () => {
            const answer = await toEdge!(new Request(`http://${host}/`), c.env)
            await answer.body?.cancel()
            return answer.status
          }),
        )
        for (const status of answers) byStatus[status] = (byStatus[status] ?? 0) + 1
      }
      return c.json({ byStatus })
    },
  )
}
