import type { OpenAPIHono } from '@hono/zod-openapi'
import { PROBLEMS, problemSchema } from './contract.ts'
import type { AdminHono } from './env.ts'
import { manifestSchemas } from './schemas.ts'
import { VERSION } from './version.ts'

const WRITES = [
  ['If-Match', 'ETag of an earlier answer'],
  ['If-None-Match', '* for a new object'],
  ['Idempotency-Key', 'repeating a write with the same key gives the first outcome'],
] as const

/** The OpenAPI 3.1 document of the app. */
export function documentOf(app: Pick<OpenAPIHono<AdminHono>, 'getOpenAPI31Document' | 'openAPIRegistry'>) {
  app.openAPIRegistry.register('Problem', problemSchema)
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Stint admin API',
      version: VERSION,
      description: 'Nodes and tenants as wanted and as they are. Times are ms since 1970, rates tokens/s.',
    },
    servers: [{ url: '/' }],
  })
  const components = { ...document.components }
  components.securitySchemes = {
    bearer: { type: 'http', scheme: 'bearer' },
    access: { type: 'apiKey', in: 'header', name: 'Cf-Access-Jwt-Assertion' },
  }
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  for (const item of Object.values(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      if (typeof operation !== 'object' || operation === null || !('responses' in operation)) continue
      for (const [status, description] of Object.entries(PROBLEMS)) {
        operation.responses[status] ??= { description, content: problem }
      }
      if (method === 'get') continue
      const headers = WRITES.map(([name, description]) => ({
        name,
        in: 'header' as const,
        required: false,
        description,
        schema: { type: 'string' as const },
      }))
      operation.parameters = [...(operation.parameters ?? []), ...headers]
    }
  }
  return {
    ...document,
    components: { ...components, schemas: { ...components.schemas, ...manifestSchemas() } },
  }
}
