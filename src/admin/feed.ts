import { Hono } from 'hono'
import { readers } from './authenticate.ts'
import { type AdminHono, MAIN } from './env.ts'
import { Problem } from './problem.ts'

/**
 * The dashboard's own door to the live stream: `POST /feed` gives a ticket for one connection. It is the
 * page's and may change with it, so it is not in the contract.
 */
export function feedRoutes() {
  return new Hono<AdminHono>().post('/feed', readers(), async (c) => {
    if (c.env.FEED === undefined) throw new Problem(503, 'no-feed', 'no feed object is bound')
    const { actor, tenant, scopes } = c.get('principal')
    const ticket = await c.env.FEED.getByName(MAIN).ticket({
      actor,
      ...(tenant === undefined ? {} : { tenant }),
    })
    if (ticket === null)
      throw new Problem(429, 'too-many', 'too many tickets are open; try again in a minute')
    const canWrite = tenant === undefined && scopes.includes('write')
    return c.json({
      ticket,
      actor,
      tenant: tenant ?? null,
      canWrite,
      demo: canWrite && c.env.STINT_DEMO === '1',
    })
  })
}
