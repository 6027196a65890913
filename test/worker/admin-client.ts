import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { createAdminApp } from '../../src/admin/app.ts'
import type { Env } from '../../src/config.ts'

export const ROOT = 'root-secret-of-these-tests-0123456789'

/** An admin app over coordinators of its own: every test names one, the real objects stand behind it. */
export function adminOf(coordinator: string, settings: Partial<Env> = { STINT_ADMIN_TOKEN: ROOT }) {
  const bindings = env as unknown as Env
  const app = createAdminApp()
  const own = {
    ...bindings,
    STINT_ADMIN_TOKEN: undefined,
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
