import { z } from '@hono/zod-openapi'
import { MAX_PAGE, SCOPES } from '../core/coordinator-api.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import { nodeSchema } from '../core/manifest/node.ts'
import type { TenantManifest } from '../core/manifest/tenant.ts'
import { tenantSchema } from '../core/manifest/tenant.ts'
import { isName } from '../core/name.ts'
import { MEASURES, SIGNAL_LIMITS } from '../core/signals.ts'

/** Manifests are checked by the manifest reader, whose errors name the field; here they are only described. */
export const nodeManifest = z.custom<NodeManifest>().openapi('NodeManifest', { type: 'object' })
export const tenantManifest = z.custom<TenantManifest>().openapi('TenantManifest', { type: 'object' })
/** As `spec.devices` of a tenant. */
export const deviceSplit = z.strictObject({
  devices: z.array(z.custom<object>().openapi({ type: 'object' })),
})
export const manifestSet = z.custom<readonly object[] | object>().openapi('ManifestSet', { type: 'object' })

/** JSON Schemas that stand for the described ones in the document: the manifests' own, as they are written. */
export function manifestSchemas(): Record<string, object> {
  const describe = (schema: z.ZodType) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    return rest
  }
  const items = {
    type: 'array',
    items: {
      oneOf: ['NodeManifest', 'TenantManifest'].map((it) => ({ $ref: `#/components/schemas/${it}` })),
    },
  }
  return {
    NodeManifest: describe(nodeSchema),
    TenantManifest: describe(tenantSchema),
    ManifestSet: {
      oneOf: [
        items,
        { type: 'object', required: ['kind', 'items'], properties: { kind: { const: 'List' }, items } },
        ...items.items.oneOf,
      ],
    },
  }
}

const count = z.int().min(0)
const ms = z.int().describe('ms since 1970')

const condition = z
  .object({
    type: z.string(),
    status: z.enum(['True', 'False', 'Unknown']),
    reason: z.string(),
    message: z.string(),
    sinceMs: ms.optional(),
  })
  .openapi('Condition')

const status = {
  phase: z.string(),
  observedGeneration: count,
  conditions: z.array(condition).readonly(),
}

const view = { generation: count, revision: count, createdMs: ms }

export const nodeView = z
  .object({
    manifest: nodeManifest,
    ...view,
    status: z.object({ ...status, capacity: z.number(), reserved: z.number(), tenants: count }),
  })
  .openapi('Node')

export const tenantView = z
  .object({
    manifest: tenantManifest,
    ...view,
    status: z.object({ ...status, node: z.string().optional(), epoch: count, reserved: z.number() }),
  })
  .openapi('Tenant')

export const placementView = z
  .object({ tenant: z.string(), node: z.string(), epoch: count, reserved: z.number(), placedMs: ms })
  .openapi('Placement')

export const journalEvent = z
  .object({
    seq: count,
    atMs: ms,
    kind: z.enum(['Node', 'Tenant', 'Token', 'Signal', 'Apply', 'Plan']),
    name: z.string(),
    type: z.enum(['normal', 'warning']),
    reason: z.string(),
    message: z.string(),
    actor: z.string().optional(),
  })
  .openapi('Event')

const usage = z.object({
  spent: z.number(),
  presumed: z.number(),
  admitted: count,
  refused: count,
  unreachable: count,
  shadowed: count,
  bytesIn: count,
  bytesOut: count,
})

const account = z.object({
  tenant: z.string(),
  device: z.string().optional(),
  epoch: count,
  base: z.number().describe('tokens per round'),
  balance: z.number(),
  owed: z.number(),
  granted: z.number(),
  wanted: z.number(),
  borrowedTotal: z.number(),
  spentTotal: z.number(),
  refusedNow: z.boolean(),
  edges: count,
  usage,
})

export const usageView = z
  .object({
    tenant: z.string(),
    node: z.string().optional(),
    available: z.boolean().describe('false while the node does not answer'),
    accounts: z.array(account).readonly().describe('the tenant, and its devices'),
  })
  .openapi('Usage')

const change = z.object({
  kind: z.enum(['Node', 'Tenant']),
  name: z.string(),
  action: z.enum(['created', 'changed', 'deleted']),
})

export const summaryView = z
  .object({
    revision: count,
    nodes: count,
    tenants: count,
    waiting: count,
    troubled: count,
    unplaced: count,
    unconfirmed: count,
  })
  .openapi('Summary')

export const applyReport = z
  .object({
    revision: count,
    created: count,
    changed: count,
    deleted: count,
    unchanged: count,
    changes: z.array(change).readonly(),
  })
  .openapi('ApplyReport')

const scope = z.enum(SCOPES)

export const tokenView = z
  .object({
    id: z.string(),
    note: z.string(),
    tenant: z.string().optional(),
    scopes: z.array(scope).readonly(),
    createdMs: ms,
    expiresMs: ms.optional(),
    revokedMs: ms.optional(),
  })
  .openapi('Token')

export const newTokenView = tokenView
  .extend({ token: z.string().describe('shown this once') })
  .openapi('NewToken')

const objectName = z.string().refine(isName, { error: 'must be a name: a-z, 0-9, ".", "_", "-"' })

export const tokenRequest = z
  .strictObject({
    note: z
      .string()
      .max(200)
      .regex(/^[^\p{Cc}\p{Cf}\p{Co}\p{Cs}]*$/u, { error: 'must be plain text' })
      .default(''),
    tenant: objectName.optional(),
    scopes: z.array(scope).min(1).max(SCOPES.length).default(['read']),
    expiresMs: ms.optional(),
  })
  .refine(
    (it) => it.tenant === undefined || it.scopes.every((name) => name === 'read' || name === 'devices'),
    {
      path: ['scopes'],
      error: 'a tenant token can only have the scopes read and devices',
    },
  )
  .openapi('TokenRequest')

const validity = { validFromMs: ms.min(0), validUntilMs: ms.min(0) }

const signal = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('zone'),
    zone: objectName,
    measure: z.enum(MEASURES),
    value: z.number().min(-1e6).max(1e6),
    ...validity,
  }),
  z.strictObject({
    kind: z.literal('node'),
    node: objectName,
    severity: z.enum(['info', 'avoid']),
    note: z
      .string()
      .max(200)
      .regex(/^[ -~]*$/, { error: 'must be printable ASCII' }),
    ...validity,
  }),
])

export const signalPost = z
  .strictObject({ signals: z.array(signal).min(1).max(SIGNAL_LIMITS.batch) })
  .openapi('SignalPost')

export const judgedSignal = z
  .looseObject({ kind: z.enum(['zone', 'node']), state: z.enum(['valid', 'stale', 'upcoming']) })
  .openapi('Signal')

export const problemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem')

export const nameParam = z.object({ name: objectName })
export const idParam = z.object({ id: z.string().regex(/^[0-9a-f]{16}$/, { error: 'must be a token id' }) })

const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(100)

export const pageQuery = z.strictObject({ after: z.string().max(64).optional(), limit })
export const tenantQuery = pageQuery.extend({ node: objectName.optional() })

export const eventQuery = z.strictObject({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  limit,
  kind: z.enum(['Node', 'Tenant', 'Token', 'Signal', 'Apply', 'Plan']).optional(),
  name: z.string().max(64).optional(),
})

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((it) => it === 'true')

export const applyQuery = z.strictObject({ dryRun: flag, prune: flag })

/** A page of something. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item).readonly(), next: z.string().optional() })
}
