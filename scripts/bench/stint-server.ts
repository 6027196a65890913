import { join } from 'node:path'
import { parseManifests } from '../../src/core/manifest/parse.ts'
import { buildEdge, ROOT } from '../build.ts'
import { OBJECTS } from '../run/bindings.ts'
import { type Ports, type Server, startWorker } from './servers.ts'

/** Admin secret of the Stints that the bench starts for itself. */
export const BENCH_TOKEN = 'stint_bench_0123456789abcdefghijklmnopqrstuvwxyz'

/** A Stint under measurement. */
export interface StintServer extends Server {
  /** Where calls from another process reach its objects. */
  readonly insidePort: number
  /** Messages that edges have sent to a node so far. */
  messages(node: string): Promise<number>
}

/**
 * Starts Stint on workerd, its edge a Worker of its own as it is deployed, `delayMs` away from its node objects, and
 * applies a manifest.
 *
 * @param services origins on this machine, port by service name
 */
export async function startStint(
  ports: Ports,
  manifest: string,
  delayMs = 0,
  services: Readonly<Record<string, number>> = {},
): Promise<StintServer> {
  const port = ports.take()
  const insidePort = ports.take()
  const server = await startWorker('stint', {
    port,
    edge: await buildEdge(join(ROOT, 'dist', 'bench', 'edge')),
    vars: { STINT_ADMIN_TOKEN: BENCH_TOKEN, DELAY_MS: String(delayMs) },
    objects: OBJECTS,
    services,
    entrypoints: { Inside: insidePort },
  })
  await applyManifest(port, manifest)
  return {
    ...server,
    insidePort,
    messages: async (node) => Number(await (await fetch(`http://127.0.0.1:${insidePort}/${node}`)).text()),
  }
}

/** Applies a manifest through the admin API. @throws Error with what the API says against it. */
export async function applyManifest(port: number, manifest: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/_stint/api/v1/apply`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${BENCH_TOKEN}`, 'Content-Type': 'application/yaml' },
    body: manifest,
  })
  if (!response.ok) throw new Error(`the manifest was not accepted: ${await response.text()}`)
}

/** One node; each tenant answers to `<name>.localhost` by the built-in echo. */
export function manifestOf(capacity: number, tenants: Readonly<Record<string, object>>): string {
  const node = {
    apiVersion: 'stint/v1',
    kind: 'Node',
    metadata: { name: 'bench' },
    spec: { capacity, origin: { echo: {} } },
  }
  const rest = Object.entries(tenants).map(([name, spec]) => ({
    apiVersion: 'stint/v1',
    kind: 'Tenant',
    metadata: { name },
    spec: { hosts: [`${name}.localhost`], node: 'bench', ...spec },
  }))
  const text = [node, ...rest].map((document) => JSON.stringify(document)).join('\n---\n')
  const parsed = parseManifests([{ file: 'bench', text }])
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error[0]))
  return text
}
