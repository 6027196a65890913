import { z } from 'zod'
import { MICRO_PER_TOKEN, toMicro } from '../amount.ts'
import {
  API_VERSION,
  addressRange,
  headerName,
  host,
  MAX_LIST,
  metadata,
  method,
  milliseconds,
  name,
  pathPrefix,
  rate,
  strict,
  tokens,
} from './fields.ts'
import { describeRoute, routeCount, routeKeys } from './route.ts'

/** The priority of a tenant or device that names none, in the middle of 0 (first) … 7. */
export const DEFAULT_PRIORITY = 4

/** Most host × path combinations one tenant may claim, and most host × path × method ones all its devices may. */
export const MAX_ROUTES = 1_000

const sharing = {
  base: rate('guaranteed tokens/s'),
  weight: z.number().min(0).max(1e12).optional().describe('share among borrowers; default: the base'),
  priority: z.int().min(0).max(7).default(DEFAULT_PRIORITY),
  ceiling: rate('hard cap in tokens/s, borrowed ones included').optional(),
  lendable: z.number().min(0).max(1).default(1),
  borrows: z.boolean().default(true),
}

const hosts = z.array(host).max(MAX_LIST).default([])
const paths = z.array(pathPrefix).max(MAX_LIST).default([])

const match = strict({ hosts, paths, methods: z.array(method).max(MAX_LIST).default([]) })

const device = strict({ name, ...sharing, match: match.prefault({}) })

const cost = strict({
  perRequest: tokens('tokens per request').default(1),
  perKiBIn: tokens('tokens per KiB of request body').default(0),
  perKiBOut: tokens('tokens per KiB of response body').default(0),
  header: headerName.default('Stint-Cost'),
  rules: z
    .array(
      strict({
        method: method.optional(),
        path: pathPrefix.optional(),
        tokens: tokens('tokens per request'),
      }),
    )
    .max(MAX_LIST)
    .default([]),
})

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hexadecimal digits: the SHA-256 of the key' })

const urgency = z.int().min(0).max(7)

const spec = strict({
  ...sharing,
  maxWaitMs: milliseconds(0, 60_000).default(0),
  hosts,
  paths,
  keys: z.array(strict({ sha256 })).max(MAX_LIST).default([]),
  node: name.optional(),
  mode: z.enum(['enforce', 'shadow', 'off']).default('enforce'),
  whenUnreachable: z.enum(['guarantee', 'open', 'closed']).default('guarantee'),
  cost: cost.prefault({}),
  shape: z.boolean().default(false),
  rateLimitFields: z
    .union([z.literal('sparing'), z.boolean()], { error: 'must be sparing, true or false' })
    .default('sparing'),
  urgency: strict({ min: urgency.default(0), max: urgency.default(7) })
    .refine((range) => range.max >= range.min, { path: ['max'], error: 'must be at least min' })
    .prefault({}),
  allow: z.array(addressRange).max(10_000).default([]),
  deny: z.array(addressRange).max(10_000).default([]),
  criticality: z.number().min(0).max(100).default(1),
  zones: z.array(name).max(MAX_LIST).default([]),
  antiAffinity: name.optional(),
  placement: strict({ mode: z.enum(['manual', 'recommend', 'automatic']).default('automatic') }).prefault({}),
  devices: z.array(device).max(MAX_LIST).default([]),
})

type Spec = z.output<typeof spec>
type Refine = (path: (string | number)[], message: string) => void

const checkedSpec = spec
  .superRefine((tenant, context) => {
    const refuse: Refine = (path, message) => context.addIssue({ code: 'custom', path, message })
    checkCeiling(tenant, [], refuse)
    if (routeCount({ ...tenant, methods: [] }) > MAX_ROUTES) {
      refuse(['hosts'], `must make at most ${MAX_ROUTES} combinations with paths, these make more`)
    }
    checkDevices(tenant, refuse)
  })
  .transform((tenant) => ({
    ...tenant,
    weight: tenant.weight ?? tenant.base,
    devices: tenant.devices.map((child) => ({ ...child, weight: child.weight ?? child.base })),
  }))

function checkCeiling(
  it: { base: number; ceiling?: number | undefined },
  path: (string | number)[],
  refuse: Refine,
) {
  if (it.ceiling !== undefined && it.ceiling < it.base) {
    refuse([...path, 'ceiling'], `must be at least base (${it.base}), got ${it.ceiling}`)
  }
}

function checkDevices(tenant: Spec, refuse: Refine): void {
  const names = new Map<string, number>()
  const hostsOfTenant = new Set(tenant.hosts)
  let sumMicro = 0
  let routes = 0
  tenant.devices.forEach((child, index) => {
    const at = ['devices', index]
    const twin = names.get(child.name)
    if (twin !== undefined) refuse([...at, 'name'], `must be unique, devices[${twin}] has the same name`)
    names.set(child.name, index)
    checkCeiling(child, at, refuse)
    sumMicro += toMicro(child.base)
    routes += routeCount(child.match)
    const strange = child.match.hosts.findIndex((it) => !hostsOfTenant.has(it))
    if (strange >= 0 && hostsOfTenant.size > 0) {
      refuse([...at, 'match', 'hosts', strange], 'must be one of the hosts of the tenant')
    }
  })
  if (sumMicro > toMicro(tenant.base)) {
    const sum = sumMicro / MICRO_PER_TOKEN
    refuse(
      ['devices'],
      `must have bases that sum to at most the base of the tenant (${tenant.base}), got ${sum}`,
    )
  }
  if (routes > MAX_ROUTES)
    refuse(['devices'], `must claim at most ${MAX_ROUTES} hosts × paths × methods together`)
  else checkOverlaps(tenant.devices, refuse)
}

function checkOverlaps(devices: Spec['devices'], refuse: Refine): void {
  const claims = new Map<string, number>()
  devices.forEach((child, index) => {
    for (const key of routeKeys(child.match)) {
      const other = claims.get(key) ?? index
      claims.set(key, other)
      if (other === index) continue
      const both = `both claim ${describeRoute(key)}`
      refuse(['devices', index, 'match'], `must not overlap the match of ${devices[other]!.name}: ${both}`)
      return
    }
  })
}

/** Schema of a `kind: Tenant` document. */
export const tenantSchema = strict({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Tenant'),
  metadata,
  spec: checkedSpec,
})

/** A tenant as parsed: its guaranteed rate, how it shares, which requests are its own. Defaults are filled in. */
export type TenantManifest = z.output<typeof tenantSchema>

/** A virtual device of a tenant: a part of its traffic with tokens of its own. */
export type DeviceManifest = TenantManifest['spec']['devices'][number]
