import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { operators } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import type { AdminHono } from './env.ts'
import { coordinator } from './objects.ts'
import {
  energyView,
  placementRequest,
  placementState,
  planParam,
  planQuery,
  planSummary,
  planView,
} from './plan-schemas.ts'
import { entityTag, ifRevision, writeOptions } from './preconditions.ts'
import { Problem, problemOf } from './problem.ts'
import { pageOf } from './schemas.ts'
import { defaultHook } from './validation.ts'

const security = SECURITY
const read = [operators('read')]

const getPlacement = createRoute({
  method: 'get',
  path: '/placement',
  summary: 'How the cluster is placed: mode, profile, knobs, hook',
  security,
  middleware: read,
  responses: { 200: answer(placementState, 'The settings, with their ETag') },
})

const putPlacement = createRoute({
  method: 'put',
  path: '/placement',
  summary: 'Sets how the cluster is placed; what is left out has its default',
  security,
  middleware: [operators('write'), readBody(BODY_LIMITS.small)] as const,
  request: body(placementRequest),
  responses: { 200: answer(placementState, 'The settings') },
})

const listPlans = createRoute({
  method: 'get',
  path: '/plans',
  summary: 'Plans, newest first; `before` an id for older ones',
  security,
  middleware: read,
  request: { query: planQuery },
  responses: { 200: answer(pageOf(planSummary), 'A page of plans') },
})

const makePlan = createRoute({
  method: 'post',
  path: '/plans',
  summary: 'Plans now; the plan waits to be accepted',
  security,
  middleware: [operators('write')] as const,
  responses: { 201: answer(planView, 'The plan') },
})

const getPlan = createRoute({
  method: 'get',
  path: '/plans/{id}',
  summary: 'A plan: its moves with rule and terms, the profiles side by side, the distance to the bound',
  security,
  middleware: read,
  request: { params: planParam },
  responses: { 200: answer(planView, 'The plan') },
})

const decisionRoute = <const Decision extends 'accept' | 'reject'>(decision: Decision, summary: string) =>
  createRoute({
    method: 'post',
    path: `/plans/{id}/${decision}`,
    summary,
    security,
    middleware: [operators('write')] as const,
    request: { params: planParam },
    responses: { 200: answer(planView, 'The plan') },
  })

const accept = decisionRoute('accept', 'Has a proposed plan run, after it was checked once more')
const reject = decisionRoute('reject', 'Refuses a proposed plan')

const energy = createRoute({
  method: 'get',
  path: '/energy',
  summary: 'What every node has used: Wh, money, gCO2',
  security,
  middleware: read,
  responses: { 200: answer(z.object({ items: z.array(energyView).readonly() }), 'Accounts') },
})

/** Placement: its settings, plans, and the books of energy. */
export function planRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(getPlacement, async (c) => {
      const found = await coordinator(c).placement()
      c.header('etag', entityTag(found.revision))
      return c.json(found, 200)
    })
    .openapi(putPlacement, async (c) => {
      const options = { ...(await writeOptions(c)), ...ifRevision(c, false) }
      const outcome = await coordinator(c).setPlacement(withoutUnset(c.req.valid('json')), options)
      if (!outcome.ok) throw problemOf(outcome.error)
      c.header('etag', entityTag(outcome.value.revision))
      return c.json(outcome.value, 200)
    })
    .openapi(listPlans, async (c) => {
      const { limit, before } = c.req.valid('query')
      return c.json(await coordinator(c).plans(limit, before), 200)
    })
    .openapi(makePlan, async (c) => c.json(await coordinator(c).makePlan(), 201))
    .openapi(getPlan, async (c) => {
      const { id } = c.req.valid('param')
      const found = await coordinator(c).plan(id)
      if (found === null) throw new Problem(404, 'not-found', `there is no plan ${id}`)
      return c.json(found, 200)
    })
    .openapi(accept, async (c) => c.json(await decide(c, c.req.valid('param').id, 'accept'), 200))
    .openapi(reject, async (c) => c.json(await decide(c, c.req.valid('param').id, 'reject'), 200))
    .openapi(energy, async (c) => c.json({ items: await coordinator(c).energy() }, 200))
}

async function decide(c: Context<AdminHono>, id: number, decision: 'accept' | 'reject') {
  const outcome = await coordinator(c).decidePlan(id, decision, await writeOptions(c))
  if (!outcome.ok) throw problemOf(outcome.error)
  return outcome.value
}

type WithoutUnset<T> = { [Key in keyof T]: Exclude<T[Key], undefined> }

/** The schema's optional fields are absent, never undefined, as the settings want them. */
function withoutUnset<T extends { readonly profiles: object; readonly planner: object }>(settings: T) {
  const clean = <Part extends object>(part: Part) =>
    Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined)) as WithoutUnset<Part>
  return {
    ...settings,
    profiles: clean<T['profiles']>(settings.profiles),
    planner: clean<T['planner']>(settings.planner),
  }
}
