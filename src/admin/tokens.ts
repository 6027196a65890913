import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { operators } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import type { AdminHono } from './env.ts'
import { coordinator, pageOfQuery } from './objects.ts'
import { writeOptions } from './preconditions.ts'
import { Problem, problemOf } from './problem.ts'
import { idParam, newTokenView, pageOf, pageQuery, tokenRequest, tokenView } from './schemas.ts'
import { makeToken, sha256, toHex } from './secret.ts'
import { defaultHook } from './validation.ts'

const list = createRoute({
  method: 'get',
  path: '/tokens',
  summary: 'Tokens without their secrets',
  security: SECURITY,
  middleware: [operators('tokens')] as const,
  request: { query: pageQuery },
  responses: { 200: answer(pageOf(tokenView), 'A page of tokens') },
})

const create = createRoute({
  method: 'post',
  path: '/tokens',
  summary: 'Makes a token for an operator or for one tenant; its secret is shown this once',
  security: SECURITY,
  middleware: [operators('tokens'), readBody(BODY_LIMITS.small)] as const,
  request: body(tokenRequest),
  responses: { 201: answer(newTokenView, 'The token') },
})

const revoke = createRoute({
  method: 'delete',
  path: '/tokens/{id}',
  summary: 'Revokes a token for good',
  security: SECURITY,
  middleware: [operators('tokens')] as const,
  request: { params: idParam },
  responses: { 200: answer(tokenView, 'The token') },
})

/** Who may. */
export function tokenRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(list, async (c) => c.json(await coordinator(c).tokens(pageOfQuery(c.req.valid('query'))), 200))
    .openapi(create, async (c) => {
      const { note, tenant, scopes, expiresMs } = c.req.valid('json')
      const mine = c.get('principal').scopes
      const beyond = scopes.filter((scope) => !mine.includes(scope))
      if (beyond.length > 0) {
        throw new Problem(403, 'forbidden', `cannot give scopes you do not have: ${beyond.join(', ')}`)
      }
      if (expiresMs !== undefined && expiresMs <= Date.now()) {
        throw new Problem(400, 'bad-input', 'expiresMs: must be in the future')
      }
      const { id, token } = makeToken()
      const kept = {
        id,
        hash: toHex(await sha256(token)),
        note,
        scopes: [...new Set(scopes)],
        ...(tenant === undefined ? {} : { tenant }),
        ...(expiresMs === undefined ? {} : { expiresMs }),
      }
      const outcome = await coordinator(c).createToken(kept, await writeOptions(c))
      if (!outcome.ok) throw problemOf(outcome.error)
      if (outcome.value.id !== id) {
        const detail = `token ${outcome.value.id} was made by this request before; its secret is shown only once`
        throw new Problem(409, 'repeated', detail)
      }
      return c.json({ ...outcome.value, token }, 201)
    })
    .openapi(revoke, async (c) => {
      const outcome = await coordinator(c).revokeToken(c.req.valid('param').id, await writeOptions(c))
      if (!outcome.ok) throw problemOf(outcome.error)
      return c.json(outcome.value, 200)
    })
}
