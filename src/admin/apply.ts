import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { ApplyReport } from '../core/coordinator-api.ts'
import { checkTogether, type ManifestSet, toManifestSet } from '../core/manifest/check.ts'
import { readResources } from '../core/manifest/document.ts'
import { parseManifests } from '../core/manifest/parse.ts'
import { operators } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, SECURITY } from './contract.ts'
import type { AdminHono } from './env.ts'
import { coordinator, manifestProblem } from './objects.ts'
import { requireAllowedOrigins } from './origins.ts'
import { entityTag, ifRevision, writeOptions } from './preconditions.ts'
import { Problem, problemOf } from './problem.ts'
import { applyQuery, applyReport, manifestSet, summaryView } from './schemas.ts'
import { defaultHook } from './validation.ts'

const apply = createRoute({
  method: 'post',
  path: '/apply',
  summary: 'Makes a set of manifests the wanted state: all of it, or nothing',
  security: SECURITY,
  middleware: [operators('write'), readBody(BODY_LIMITS.apply, 'json or yaml')] as const,
  request: {
    query: applyQuery,
    body: {
      required: true,
      content: {
        'application/json': { schema: manifestSet },
        'application/yaml': { schema: z.string() },
      },
    },
  },
  responses: { 200: answer(applyReport, 'What changed, or with dryRun would change') },
})

const summary = createRoute({
  method: 'get',
  path: '/summary',
  summary: 'How far everything is, in counts, with the ETag of the whole',
  security: SECURITY,
  middleware: [operators('read')] as const,
  responses: { 200: answer(summaryView, 'The counts') },
})

/** The set as a whole. */
export function applyRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(summary, async (c) => {
      const counts = await coordinator(c).summary()
      c.header('etag', entityTag(counts.revision))
      return c.json(counts, 200)
    })
    .openapi(apply, async (c) => {
      const { dryRun, prune } = c.req.valid('query')
      const set = readSet(c.get('body'))
      if (set.nodes.length + set.tenants.length === 0) {
        throw new Problem(400, 'bad-manifest', 'the body must hold at least one manifest')
      }
      requireAllowedOrigins(c, set)
      const { ifRevision: revision } = ifRevision(c, false)
      if (revision === null) throw new Problem(400, 'bad-precondition', 'a set as a whole is never new')
      const precondition = revision === undefined ? {} : { ifRevision: revision }
      const options = { ...(await writeOptions(c)), dryRun, prune, ...precondition }
      const outcome = await coordinator(c).apply(set, options)
      if (!outcome.ok) throw problemOf(outcome.error)
      const report: ApplyReport = outcome.value
      c.header('etag', entityTag(report.revision))
      return c.json(report, 200)
    })
}

/** Manifests of a body: plain data, or YAML text. */
function readSet(body: unknown): ManifestSet {
  if (typeof body === 'string') {
    const parsed = parseManifests([{ file: 'body', text: body }], {
      complete: false,
      maxChars: BODY_LIMITS.apply,
    })
    if (!parsed.ok) throw manifestProblem(parsed.error)
    return parsed.value
  }
  const { resources, errors } = readResources(body, { file: 'body', document: 1, prefix: '' })
  const faults = errors.length > 0 ? errors : checkTogether(resources)
  if (faults.length > 0) throw manifestProblem(faults)
  return toManifestSet(resources)
}
