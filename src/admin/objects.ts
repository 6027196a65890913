import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApplyReport, NodeMark, ObjectKind, TenantView } from '../core/coordinator-api.ts'
import { toManifestSet } from '../core/manifest/check.ts'
import { readResources } from '../core/manifest/document.ts'
import { operators, ownOnly, readers } from './authenticate.ts'
import { BODY_LIMITS, readBody } from './body.ts'
import { answer, body, SECURITY } from './contract.ts'
import { type AdminHono, MAIN } from './env.ts'
import { requireAllowedOrigins } from './origins.ts'
import { entityTag, ifRevision, writeOptions } from './preconditions.ts'
import { Problem, problemOf } from './problem.ts'
import { forTenant } from './redact.ts'
import {
  applyReport,
  nameParam,
  nodeManifest,
  nodeView,
  pageOf,
  pageQuery,
  placementView,
  tenantManifest,
  tenantQuery,
  tenantView,
} from './schemas.ts'
import { defaultHook } from './validation.ts'

const security = SECURITY
const write = [operators('write')]

const listNodes = createRoute({
  method: 'get',
  path: '/nodes',
  summary: 'Nodes by name',
  security,
  middleware: [operators('read')] as const,
  request: { query: pageQuery },
  responses: { 200: answer(pageOf(nodeView), 'A page of nodes') },
})

const getNode = createRoute({
  method: 'get',
  path: '/nodes/{name}',
  summary: 'One node, with its ETag',
  security,
  middleware: [operators('read')] as const,
  request: { params: nameParam },
  responses: { 200: answer(nodeView, 'The node') },
})

const putNode = createRoute({
  method: 'put',
  path: '/nodes/{name}',
  summary: 'Creates or replaces a node (If-Match, or If-None-Match: *)',
  security,
  middleware: [...write, readBody(BODY_LIMITS.object)],
  request: { params: nameParam, ...body(nodeManifest) },
  responses: { 200: answer(applyReport, 'What changed') },
})

const deleteNode = createRoute({
  method: 'delete',
  path: '/nodes/{name}',
  summary: 'Deletes a node that has no tenants (If-Match)',
  security,
  middleware: write,
  request: { params: nameParam },
  responses: { 200: answer(applyReport, 'What changed') },
})

const markRoute = <const Mark extends NodeMark>(mark: Mark, summary: string) =>
  createRoute({
    method: 'post',
    path: `/nodes/{name}/${mark}`,
    summary,
    security,
    middleware: write,
    request: { params: nameParam },
    responses: { 200: answer(nodeView, 'The node') },
  })

const cordon = markRoute('cordon', 'Lets no new tenants onto a node')
const uncordon = markRoute('uncordon', 'Ends cordon and drain')
const drain = markRoute('drain', 'Cordons a node and asks its tenants to leave')

const listTenants = createRoute({
  method: 'get',
  path: '/tenants',
  summary: 'Tenants by name; a tenant sees itself',
  security,
  middleware: [readers()] as const,
  request: { query: tenantQuery },
  responses: { 200: answer(pageOf(tenantView), 'A page of tenants') },
})

const getTenant = createRoute({
  method: 'get',
  path: '/tenants/{name}',
  summary: 'One tenant, with its ETag',
  security,
  middleware: [readers()] as const,
  request: { params: nameParam },
  responses: { 200: answer(tenantView, 'The tenant') },
})

const putTenant = createRoute({
  method: 'put',
  path: '/tenants/{name}',
  summary: 'Creates or replaces a tenant (If-Match, or If-None-Match: *)',
  security,
  middleware: [...write, readBody(BODY_LIMITS.object)],
  request: { params: nameParam, ...body(tenantManifest) },
  responses: { 200: answer(applyReport, 'What changed') },
})

const deleteTenant = createRoute({
  method: 'delete',
  path: '/tenants/{name}',
  summary: 'Deletes a tenant (If-Match)',
  security,
  middleware: write,
  request: { params: nameParam },
  responses: { 200: answer(applyReport, 'What changed') },
})

const listPlacements = createRoute({
  method: 'get',
  path: '/placements',
  summary: 'Where tenants live; a tenant sees its own',
  security,
  middleware: [readers()] as const,
  request: { query: tenantQuery },
  responses: { 200: answer(pageOf(placementView), 'A page of placements') },
})

/** Nodes, tenants and placements. */
export function objectRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(listNodes, async (c) =>
      c.json(await coordinator(c).nodes(pageOfQuery(c.req.valid('query'))), 200),
    )
    .openapi(getNode, async (c) => {
      const { name } = c.req.valid('param')
      const found = (await coordinator(c).node(name)) ?? missing('node', name)
      c.header('etag', entityTag(found.revision))
      return c.json(found, 200)
    })
    .openapi(putNode, async (c) => c.json(await put(c, 'Node', c.req.valid('param').name), 200))
    .openapi(deleteNode, async (c) => c.json(await remove(c, 'Node', c.req.valid('param').name), 200))
    .openapi(cordon, async (c) => c.json(await mark(c, c.req.valid('param').name, 'cordon'), 200))
    .openapi(uncordon, async (c) => c.json(await mark(c, c.req.valid('param').name, 'uncordon'), 200))
    .openapi(drain, async (c) => c.json(await mark(c, c.req.valid('param').name, 'drain'), 200))
    .openapi(listTenants, async (c) => {
      const principal = c.get('principal')
      if (principal.tenant === undefined) {
        return c.json(await coordinator(c).tenants(pageOfQuery(c.req.valid('query'))), 200)
      }
      const own = await coordinator(c).tenant(principal.tenant)
      return c.json({ items: own === null ? [] : [forTenant(principal, own)] }, 200)
    })
    .openapi(getTenant, async (c) => {
      const found = await readTenant(c, c.req.valid('param').name)
      c.header('etag', entityTag(found.revision))
      return c.json(forTenant(c.get('principal'), found), 200)
    })
    .openapi(putTenant, async (c) => c.json(await put(c, 'Tenant', c.req.valid('param').name), 200))
    .openapi(deleteTenant, async (c) => c.json(await remove(c, 'Tenant', c.req.valid('param').name), 200))
    .openapi(listPlacements, async (c) => {
      const { tenant } = c.get('principal')
      const query = pageOfQuery(c.req.valid('query'))
      if (tenant === undefined) return c.json(await coordinator(c).placements(query), 200)
      const own = await coordinator(c).tenant(tenant)
      if (own?.status.node === undefined) return c.json({ items: [] }, 200)
      const { node, epoch, reserved } = own.status
      const placedMs = own.status.conditions.find((it) => it.type === 'Placed')?.sinceMs ?? own.createdMs
      return c.json({ items: [{ tenant, node, epoch, reserved, placedMs }] }, 200)
    })
}

/** The coordinator of this request. */
export function coordinator(c: Context<AdminHono>) {
  return c.env.COORDINATOR.getByName(MAIN)
}

/** A tenant that may be shown to who asks. @throws Problem 404 otherwise */
export async function readTenant(c: Context<AdminHono>, name: string): Promise<TenantView> {
  ownOnly(c.get('principal'), name)
  return (await coordinator(c).tenant(name)) ?? missing('tenant', name)
}

function missing(kind: string, name: string): never {
  throw new Problem(404, 'not-found', `there is no ${kind} ${name}`)
}

/** A query without the fields nobody gave. */
export function pageOfQuery(query: { after?: string | undefined; limit: number; node?: string | undefined }) {
  const { after, limit, node } = query
  return { limit, ...(after === undefined ? {} : { after }), ...(node === undefined ? {} : { node }) }
}

async function put(c: Context<AdminHono>, kind: ObjectKind, name: string): Promise<ApplyReport> {
  const { ifRevision: revision } = ifRevision(c, true)
  const { resources, errors } = readResources(c.get('body'), { file: 'body', document: 1, prefix: '' })
  const [resource] = resources
  if (errors.length > 0 || resource === undefined) throw manifestProblem(errors)
  const { metadata, kind: is } = resource.manifest
  if (resources.length !== 1 || is !== kind || metadata.name !== name) {
    throw new Problem(400, 'other-object', `the body must be the one ${kind} called ${name}`)
  }
  const set = toManifestSet(resources)
  requireAllowedOrigins(c, set)
  const options = await writeOptions(c)
  const ifObject = revision === undefined ? {} : { ifObject: { kind, name, revision } }
  const outcome = await coordinator(c).apply(set, { ...options, ...ifObject })
  if (!outcome.ok) throw problemOf(outcome.error)
  c.header('etag', entityTag(outcome.value.revision))
  return outcome.value
}

/** The refusal of manifests, naming the fields. */
export function manifestProblem(errors: readonly { field: string; message: string }[]): Problem {
  const first = errors[0]
  const where = first === undefined || first.field === '' ? '' : `${first.field}: `
  const detail = first === undefined ? 'the body must hold a manifest' : `${where}${first.message}`
  return new Problem(400, 'bad-manifest', detail, errors)
}

async function remove(c: Context<AdminHono>, kind: ObjectKind, name: string): Promise<ApplyReport> {
  const precondition = ifRevision(c, true)
  const outcome = await coordinator(c).remove(kind, name, { ...(await writeOptions(c)), ...precondition })
  if (!outcome.ok) throw problemOf(outcome.error)
  return outcome.value
}

async function mark(c: Context<AdminHono>, name: string, kind: NodeMark) {
  const precondition = ifRevision(c, false)
  const outcome = await coordinator(c).mark(name, kind, { ...(await writeOptions(c)), ...precondition })
  if (!outcome.ok) throw problemOf(outcome.error)
  c.header('etag', entityTag(outcome.value.revision))
  return outcome.value
}
