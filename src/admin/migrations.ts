import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { MigrationView } from '../core/migration-view.ts'
import { isName } from '../core/name.ts'
import { operators, ownOnly, readers } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import type { AdminHono, Principal } from './env.ts'
import { coordinator } from './objects.ts'
import { writeOptions } from './preconditions.ts'
import { problemOf } from './problem.ts'
import { nameParam } from './schemas.ts'
import { defaultHook } from './validation.ts'

const name = z.string().refine(isName, { error: 'must be a name' })
const ms = z.int().describe('ms since 1970')

const PHASES = [
  'PREPARING',
  'HANDING_OFF',
  'INSTALLING',
  'COMMITTED',
  'ABORTING',
  'TAKING_OVER',
  'DONE',
  'ABORTED',
] as const

const migrationView = z
  .object({
    id: z.string(),
    tenant: name,
    epoch: z.int(),
    from: z.string(),
    to: z.string(),
    reason: z.string(),
    phase: z.enum(PHASES),
    startedMs: ms,
    endedMs: ms.optional(),
    steps: z.array(z.object({ phase: z.enum(PHASES), atMs: ms })).readonly(),
    lastRefusal: z.string().optional(),
  })
  .openapi('Migration')

const newMigration = z
  .strictObject({
    tenant: name,
    to: name,
    reason: z
      .string()
      .regex(/^[ -~]{0,200}$/, { error: 'must be at most 200 printable ASCII characters' })
      .optional(),
  })
  .openapi('NewMigration')

const list = createRoute({
  method: 'get',
  path: '/migrations',
  summary: 'Migrations, the newest first; a tenant sees its own',
  security: SECURITY,
  middleware: [readers()] as const,
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(500).default(100),
      tenant: name.optional(),
      open: z.enum(['true', 'false']).optional(),
    }),
  },
  responses: { 200: answer(z.object({ items: z.array(migrationView).readonly() }), 'Migrations') },
})

const begin = createRoute({
  method: 'post',
  path: '/migrations',
  summary: 'Begins to move a tenant to another node',
  security: SECURITY,
  middleware: [operators('write'), readBody(BODY_LIMITS.small)] as const,
  request: body(newMigration),
  responses: { 200: answer(migrationView, 'The migration that was begun') },
})

const abort = createRoute({
  method: 'post',
  path: '/tenants/{name}/migration/abort',
  summary: 'Asks for the abort of a tenant’s open migration',
  security: SECURITY,
  middleware: [operators('write')] as const,
  request: { params: nameParam },
  responses: { 200: answer(migrationView, 'The migration as it is now') },
})

/** Moves of tenants between nodes. */
export function migrationRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(list, async (c) => {
      const { limit, tenant, open } = c.req.valid('query')
      const principal = c.get('principal')
      if (tenant !== undefined) ownOnly(principal, tenant)
      const whose = principal.tenant ?? tenant
      const items = await coordinator(c).migrations({
        limit,
        ...(whose === undefined ? {} : { tenant: whose }),
        ...(open === 'true' ? { open: true } : {}),
      })
      return c.json({ items: items.map((view) => forReader(principal, view)) }, 200)
    })
    .openapi(begin, async (c) => {
      const { reason, ...move } = c.req.valid('json')
      const wanted = reason === undefined ? move : { ...move, reason }
      const outcome = await coordinator(c).migrate(wanted, await writeOptions(c))
      if (!outcome.ok) throw problemOf(outcome.error)
      return c.json(outcome.value, 200)
    })
    .openapi(abort, async (c) => {
      const outcome = await coordinator(c).abortMigration(c.req.valid('param').name, await writeOptions(c))
      if (!outcome.ok) throw problemOf(outcome.error)
      return c.json(outcome.value, 200)
    })
}

/** A tenant is told of its moves, not why an operator made them. */
function forReader(principal: Principal, view: MigrationView): MigrationView {
  if (principal.tenant === undefined) return view
  const { lastRefusal: _, ...rest } = view
  return { ...rest, reason: '' }
}
