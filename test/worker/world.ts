import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env as bindings } from 'cloudflare:workers'
import type { Hono } from 'hono'
import type { Env, Limits } from '../../src/config.ts'
import { createGateway } from '../../src/edge/gateway.ts'
import type { NodeObject } from '../../src/node/node-object.ts'
import { applyText } from './apply.ts'

/** The bindings of the Worker under test. */
export const env = bindings as unknown as Env

/** A gateway of its own isolate state in front of the real objects, and the names of this test alone. */
export interface World {
  readonly gateway: Hono<{ Bindings: Env }>
  readonly name: string
  readonly node: string
  /** A request to `<tenant><name>.localhost`; the environment may be changed for one call. */
  ask(tenant: string, init?: AskOptions): Promise<Response>
  /** As `ask`, and waits for what goes on after the answer. */
  askAndSettle(tenant: string, init?: AskOptions): Promise<Response>
  /** Tells the coordinator new manifests with the names filled in. */
  apply(text: string): Promise<void>
}

export interface AskOptions extends RequestInit {
  readonly path?: string
  readonly env?: Env
}

let worlds = 0

/**
 * Applies manifests to the real coordinator and opens a gateway in front of it. `$` in the text is replaced
 * by a name that no other test uses, so that tests share the objects without meeting.
 */
export async function world(text: string, limits: Partial<Limits> = {}): Promise<World> {
  const name = `-w${worlds++}`
  const gateway = createGateway<Env>(limits)
  const apply = (more: string) => applyText(env, more.replaceAll('$', name))
  await apply(text)
  const send = async (tenant: string, { path = '/', env: given = env, ...init }: AskOptions = {}) => {
    const context = createExecutionContext()
    const request = new Request(`http://${tenant}${name}.localhost${path}`, init)
    return { response: await gateway.fetch(request, given, context), context }
  }
  return {
    gateway,
    name,
    node: `n${name}`,
    apply,
    ask: async (tenant, init) => (await send(tenant, init)).response,
    askAndSettle: async (tenant, init) => {
      const { response, context } = await send(tenant, init)
      const copy = new Response(await response.text(), response)
      await waitOnExecutionContext(context)
      return copy
    },
  }
}

/** A node with the tenants `name=base`, more fields of a tenant's spec after a comma in YAML's flow style. */
export function manifest(capacity: number, tenants: Readonly<Record<string, string>>, origin = ''): string {
  const documents = [
    `apiVersion: stint/v1\nkind: Node\nmetadata: { name: n$ }\nspec: { capacity: ${capacity}${origin} }\n`,
    ...Object.entries(tenants).map(
      ([name, spec]) =>
        `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name}$ }\n` +
        `spec: { hosts: [${name}$.localhost], node: n$, ${spec} }\n`,
    ),
  ]
  return documents.join('---\n')
}

/** The real object of a world's node. */
export function nodeOf({ node }: World): DurableObjectStub<NodeObject> {
  return (env.NODES as unknown as DurableObjectNamespace<NodeObject>).getByName(node)
}

/** An environment whose nodes or coordinator cannot be reached. */
export function without(what: 'NODES' | 'COORDINATOR'): Env {
  const gone = async () => {
    throw new Error('connection lost')
  }
  const stub = { lease: gone, resolveHost: gone, resolveTenant: gone }
  const namespace = { idFromName: () => 'id', get: () => stub, getByName: () => stub }
  return { ...env, [what]: namespace } as unknown as Env
}
