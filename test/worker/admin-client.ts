import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import { documentOf } from '../../src/admin/openapi.ts'
import type { Env } from '../../src/config.ts'

export const ROOT = 'root-secret-of-these-tests-0123456789'

/** An admin app over coordinators of its own: every test names one, the real objects stand behind it. */
export function adminOf(coordinator: string, settings: Partial<Env> = { STINT_ADMIN_TOKEN: ROOT }) {
  const bindings = env as unknown as Env
  const app = createAdminApp()
  const own = {
    ...bindings,
    STINT_ADMIN_TOKEN: undefined,
    STINT_LOG: 'errors',
    ...settings,
    COORDINATOR: { getByName: () => bindings.COORDINATOR.getByName(coordinator) },
  }
  return async (path: string, init: RequestInit & { token?: string | null; json?: unknown } = {}) => {
    const { token = ROOT, json, ...rest } = init
    const headers = new Headers(rest.headers)
    if (token !== null && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`)
    if (json !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    const url = path.startsWith('http') ? path : `https://stint.example${path}`
    const request = new Request(url, {
      ...rest,
      headers,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    return app.fetch(request, own, createExecutionContext())
  }
}

export const API = '/_stint/api/v1'

export const node = (name: string, spec: object = { capacity: 100 }) => ({
  apiVersion: 'stint/v1',
  kind: 'Node',
  metadata: { name },
  spec,
})

export const tenant = (name: string, spec: object = { base: 1 }) => ({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name },
  spec,
})

type Call = ReturnType<typeof adminOf>

/** A refusal as it must be. */
export async function problem(answer: Response): Promise<{ status: number; code: string; detail: string }> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  return await answer.json()
}

/** All that is wanted; a refused request must leave it as it was. */
export async function stateOf(call: Call): Promise<string> {
  const parts = ['/summary', '/nodes?limit=500', '/tenants?limit=500', '/tokens', '/events?after=0&limit=500']
  return (await Promise.all(parts.map(async (part) => await (await call(API + part)).text()))).join('\n')
}

/** A route of the document. */
export interface Operation {
  readonly path: string
  readonly method: string
}

/** Every route of the OpenAPI document. */
export function operations(): Operation[] {
  const { paths = {} } = documentOf(createAdminApp())
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ path, method: method.toUpperCase() })),
  )
}
