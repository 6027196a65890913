import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import type { AccountState, NodeState } from '../core/control.ts'
import type { TenantView } from '../core/coordinator-api.ts'
import { readers } from './authenticate.ts'
import { answer, SECURITY } from './contract.ts'
import type { AdminEnv, AdminHono } from './env.ts'
import { coordinator, pageOfQuery, readTenant } from './objects.ts'
import { nameParam, pageOf, tenantQuery, usageView } from './schemas.ts'
import { defaultHook } from './validation.ts'

/** Nodes asked at a time, and how long each may take, ms. */
const ASKING = { parallel: 8, timeoutMs: 5_000 } as const

const listUsage = createRoute({
  method: 'get',
  path: '/usage',
  summary: 'Shares and usage of tenants as their nodes see them now; a tenant sees its own',
  security: SECURITY,
  middleware: [readers()] as const,
  request: { query: tenantQuery },
  responses: { 200: answer(pageOf(usageView), 'A page of usage') },
})

const getUsage = createRoute({
  method: 'get',
  path: '/tenants/{name}/usage',
  summary: 'Share and usage of one tenant as its node sees it now',
  security: SECURITY,
  middleware: [readers()] as const,
  request: { params: nameParam },
  responses: { 200: answer(usageView, 'Its usage') },
})

/** Usage comes from the nodes, which count it. */
export function usageRoutes() {
  return new OpenAPIHono<AdminHono>({ defaultHook })
    .openapi(listUsage, async (c) => {
      const { tenant } = c.get('principal')
      if (tenant !== undefined) {
        return c.json({ items: await usageOf(c.env, [await readTenant(c, tenant)]) }, 200)
      }
      const { items, next } = await coordinator(c).tenants(pageOfQuery(c.req.valid('query')))
      const usage = await usageOf(c.env, items)
      return c.json(next === undefined ? { items: usage } : { items: usage, next }, 200)
    })
    .openapi(getUsage, async (c) => {
      const [usage] = await usageOf(c.env, [await readTenant(c, c.req.valid('param').name)])
      return c.json(usage!, 200)
    })
}

async function usageOf(env: AdminEnv, tenants: readonly TenantView[]) {
  const nodes = [...new Set(tenants.flatMap(({ status }) => status.node ?? []))]
  const states = new Map<string, Map<string, AccountState[]>>()
  for (let at = 0; at < nodes.length; at += ASKING.parallel) {
    await Promise.all(
      nodes.slice(at, at + ASKING.parallel).map(async (node) => {
        const state = await stateOf(env, node)
        if (state !== undefined) states.set(node, byTenant(state))
      }),
    )
  }
  return tenants.map(({ manifest, status }) => {
    const tenant = manifest.metadata.name
    const accounts = states.get(status.node ?? '')
    const node = status.node === undefined ? {} : { node: status.node }
    return { tenant, ...node, available: accounts !== undefined, accounts: accounts?.get(tenant) ?? [] }
  })
}

function byTenant({ accounts }: NodeState): Map<string, AccountState[]> {
  const map = new Map<string, AccountState[]>()
  for (const account of accounts) map.set(account.tenant, [...(map.get(account.tenant) ?? []), account])
  return map
}

async function stateOf(env: AdminEnv, node: string): Promise<NodeState | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ASKING.timeoutMs)
  })
  try {
    return await Promise.race([env.NODES.getByName(node).state(), late])
  } catch {
    return undefined
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}
