import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { ExecutionContext } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { fetchKeys, type KeySource } from './access.ts'
import { applyRoutes } from './apply.ts'
import { authenticate } from './authenticate.ts'
import { answer, SECURITY } from './contract.ts'
import { demoRoutes } from './demo.ts'
import { deviceRoutes } from './devices.ts'
import type { AdminEnv, AdminHono, Neighbours } from './env.ts'
import { eventRoutes } from './events.ts'
import { feedRoutes } from './feed.ts'
import { plainAnswers, refuseCrossSite } from './guard.ts'
import { healthRoutes } from './health.ts'
import { logged } from './log.ts'
import { metricsRoutes } from './metrics.ts'
import { migrationRoutes } from './migrations.ts'

import { objectRoutes } from './objects.ts'
import { documentOf } from './openapi.ts'
import { planRoutes } from './plans.ts'
import { Problem, problemResponse } from './problem.ts'
import { signalRoutes } from './signals.ts'
import { tokenRoutes } from './tokens.ts'
import { usageRoutes } from './usage.ts'
import { defaultHook } from './validation.ts'
import { API_BASE, VERSION } from './version.ts'

const version = createRoute({
  method: 'get',
  path: '/version',
  summary: 'What runs here, and who asks',
  security: SECURITY,
  responses: {
    200: answer(
      z.object({
        version: z.string(),
        actor: z.string(),
        tenant: z.string().optional(),
        scopes: z.array(z.string()).readonly(),
      }),
      'Version',
    ),
  },
})

function api() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(version, (c) => c.json({ version: VERSION, ...c.get('principal') }, 200))
    .route('/', objectRoutes())
    .route('/', deviceRoutes())
    .route('/', applyRoutes())
    .route('/', usageRoutes())
    .route('/', eventRoutes())
    .route('/', tokenRoutes())
    .route('/', signalRoutes())
    .route('/', migrationRoutes())
    .route('/', planRoutes())
}

/**
 * The admin API as a Hono app: `/_stint/api/v1` and its OpenAPI document.
 *
 * @param options where the keys of Cloudflare Access come from, and what this isolate offers
 * @example
 * const app = createAdminApp()
 * const answer = await app.fetch(new Request('https://x/_stint/openapi.json'), env, ctx)
 */
export function createAdminApp(options: { readonly accessKeys?: KeySource } & Neighbours = {}) {
  const app = new OpenAPIHono<AdminHono>({ defaultHook })
  app.use('*', logged, plainAnswers)
  const who = authenticate(options.accessKeys ?? fetchKeys)
  app.use(`${API_BASE}/*`, refuseCrossSite, who)
  const whole = app.route(API_BASE, api())
  app.route(API_BASE, feedRoutes())
  app.route(API_BASE, demoRoutes(options))
  app.route('/', healthRoutes())
  app.route('/', metricsRoutes(who))
  let document: string | undefined
  app.get('/_stint/openapi.json', (c) => {
    document ??= JSON.stringify(documentOf(whole))
    return c.body(document, 200, { 'content-type': 'application/json' })
  })
  app.notFound(() => problemResponse(new Problem(404, 'not-found', 'there is no such route')))
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error)
    if (error instanceof HTTPException && error.status < 500) {
      return problemResponse(new Problem(error.status === 415 ? 415 : 400, 'bad-request', error.message))
    }
    console.error(error)
    return problemResponse(new Problem(500, 'internal', 'an error on our side; it was logged'))
  })
  return whole
}

/** The contract as a type, for the typed client. */
export type AdminApp = ReturnType<typeof createAdminApp>

let app: AdminApp | undefined

/** Serves the API and its document, health and metrics. The neighbours of an isolate stay the same. */
export function adminFetch(
  request: Request,
  env: AdminEnv,
  ctx: ExecutionContext,
  neighbours: Neighbours = {},
): Response | Promise<Response> {
  app ??= createAdminApp(neighbours)
  return app.fetch(request, env, ctx)
}
