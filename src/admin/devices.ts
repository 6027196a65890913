import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApplyReport, TenantView } from '../core/coordinator-api.ts'
import { toManifestSet } from '../core/manifest/check.ts'
import { readResources } from '../core/manifest/document.ts'
import { scoped } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import type { AdminHono } from './env.ts'
import { coordinator, manifestProblem, readTenant } from './objects.ts'
import { entityTag, ifRevision, writeOptions } from './preconditions.ts'
import { Problem, problemOf } from './problem.ts'
import { applyReport, deviceSplit, nameParam } from './schemas.ts'
import { defaultHook } from './validation.ts'

const putDevices = createRoute({
  method: 'put',
  path: '/tenants/{name}/devices',
  summary: 'Splits the base of a tenant among its devices anew (If-Match); a tenant may split its own',
  security: SECURITY,
  middleware: [scoped('devices'), readBody(BODY_LIMITS.object)] as const,
  request: { params: nameParam, ...body(deviceSplit) },
  responses: { 200: answer(applyReport, 'What changed') },
})

/** The one thing tenants may change themselves. */
export function deviceRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook }).openapi(putDevices, async (c) => {
    const { name } = c.req.valid('param')
    const report = await split(c, await readTenant(c, name))
    c.header('etag', entityTag(report.revision))
    return c.json(report, 200)
  })
}

/** Everything but the devices stays as it was read: a change in between is a conflict, never overwritten. */
async function split(c: Context<AdminHono>, view: TenantView): Promise<ApplyReport> {
  const { ifRevision: wanted } = ifRevision(c, true)
  const { manifest } = view
  const { name } = manifest.metadata
  const { devices } = c.get('body') as { devices: unknown }
  const changed = { ...manifest, spec: { ...manifest.spec, devices } }
  const { resources, errors } = readResources(changed, { file: 'body', document: 1, prefix: '' })
  if (errors.length > 0 || resources.length !== 1) throw manifestProblem(errors)
  const set = toManifestSet(resources)
  if (c.get('principal').tenant !== undefined) requireLending(set.tenants[0]!.spec)
  const ifObject = { kind: 'Tenant' as const, name, revision: wanted === undefined ? view.revision : wanted }
  if (ifObject.revision !== view.revision) {
    throw new Problem(
      412,
      'stale',
      `Tenant ${name}: is at revision ${view.revision}; read it again and repeat`,
    )
  }
  const outcome = await coordinator(c).apply(set, { ...(await writeOptions(c)), ifObject })
  if (!outcome.ok) throw problemOf(outcome.error)
  return outcome.value
}

/** What devices do not lend nobody else can borrow: how much of its base a tenant lends is the operator's word. */
function requireLending(spec: TenantView['manifest']['spec']): void {
  const errors = spec.devices.flatMap(({ lendable }, index) =>
    lendable >= spec.lendable
      ? []
      : [{ field: `spec.devices[${index}].lendable`, message: `must be at least ${spec.lendable}` }],
  )
  if (errors.length > 0) throw manifestProblem(errors)
}
