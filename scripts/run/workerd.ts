import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { serviceBinding } from '../../src/core/origin.ts'
import type { BuiltWorker } from '../build.ts'
import { COMPATIBILITY_DATE, OBJECTS } from './bindings.ts'
import { portIsFree, waitUntilOpen } from './ports.ts'
import { V8_FLAGS } from './v8-flags.ts'

/** How to run the built Worker on workerd itself, without miniflare. */
export interface WorkerdOptions {
  readonly built: BuiltWorker
  /** The edge as a Worker of its own in front, as `wrangler.edge.toml` binds it. */
  readonly edge?: BuiltWorker
  readonly port: number
  /** Folder for the objects' storage; made if missing. */
  readonly stateFolder: string
  /** Text bindings, such as secrets. */
  readonly vars?: Readonly<Record<string, string>>
  /** Names of text bindings whose value is that of the environment variable of the same name; null if unset. */
  readonly fromEnvironment?: readonly string[]
  /** Origins by service name, as `host:port` or a port of this machine; bound as the edge looks them up. */
  readonly services?: Readonly<Record<string, number | string>>
  /** Classes of Durable Objects by binding; those of Stint's own Worker unless given. */
  readonly objects?: Readonly<Record<string, string>>
  /** Leaves the log of requests out. */
  readonly quiet?: true
  /** Named entrypoints that listen on a port of their own. */
  readonly entrypoints?: Readonly<Record<string, number>>
}

/** A running workerd. */
export interface RunningWorkerd {
  readonly child: ChildProcess
  readonly url: string
  /** Ends it as an operator would. */
  stop(): Promise<void>
  /** Ends it as a power cut would (SIGKILL). */
  kill(): Promise<void>
}

/** Path of the workerd binary for this machine, from the package in the lock file. */
export const WORKERD: string = createRequire(import.meta.url)('workerd').default

/** Starts workerd and waits until it listens. @throws Error when the port is taken or workerd ends early. */
export async function startWorkerd(options: WorkerdOptions): Promise<RunningWorkerd> {
  if (!(await portIsFree(options.port))) throw new Error(`port ${options.port} is in use`)
  mkdirSync(options.stateFolder, { recursive: true })
  const configFile = join(options.built.folder, `workerd-${options.port}.capnp`)
  writeFileSync(configFile, capnpConfig(options))
  const child = spawn(WORKERD, ['serve', configFile], {
    stdio: ['ignore', options.quiet ? 'ignore' : 'inherit', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return ended
  }
  const early = ended.then(() => {
    throw new Error('workerd ended before it was ready')
  })
  await Promise.race([waitUntilOpen(options.port), early])
  early.catch(() => {})
  return {
    child,
    url: `http://127.0.0.1:${options.port}`,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** The configuration of a self-hosted Stint; see the comments of workerd's own schema for each field. */
export function capnpConfig(options: WorkerdOptions): string {
  const { built, port, stateFolder, vars = {}, services = {}, objects = OBJECTS, entrypoints = {} } = options
  const { fromEnvironment = [] } = options
  const text = (value: string) => JSON.stringify(value)
  const { edge } = options
  const shared = [
    ...Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...fromEnvironment.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
    ...Object.keys(services).map(
      (name) => `(name = ${text(serviceBinding(name))}, service = ${text(`origin-${name}`)})`,
    ),
  ]
  const bindings = [
    ...Object.entries(objects).map(
      ([name, cls]) => `(name = ${text(name)}, durableObjectNamespace = ${text(cls)})`,
    ),
    ...shared,
  ]
  const origins = Object.entries(services).map(
    ([name, at]) =>
      `(name = ${text(`origin-${name}`)}, external = (address = ${text(typeof at === 'number' ? `127.0.0.1:${at}` : at)}, http = ())),`,
  )
  const namespaces = Object.values(objects).map(
    (cls) => `(className = ${text(cls)}, uniqueKey = ${text(`stint-${cls}`)}, enableSql = true)`,
  )
  const sockets = [
    `(name = "http", address = "127.0.0.1:${port}", http = (), service = ${text(edge === undefined ? 'stint' : 'edge')})`,
    ...Object.entries(entrypoints).map(
      ([name, at]) =>
        `(name = ${text(name)}, address = "127.0.0.1:${at}", http = (), service = (name = "stint", entrypoint = ${text(name)}))`,
    ),
  ]
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "stint", worker = .stint),${edge === undefined ? '' : '\n    (name = "edge", worker = .edge),'}
    (name = "state", disk = (path = ${text(stateFolder)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    ${origins.join('\n    ')}
  ],
  sockets = [${sockets.join(', ')}],
  v8Flags = [${V8_FLAGS.map(text).join(', ')}],
);
const stint :Workerd.Worker = (
  compatibilityDate = "${COMPATIBILITY_DATE}",
  modules = [${modulesOf(built, built.folder)}],
  bindings = [${bindings.join(', ')}],
  durableObjectNamespaces = [${namespaces.join(', ')}],
  durableObjectStorage = (localDisk = "state"),
);
${edge === undefined ? '' : edgeConfig(edge, built.folder, shared)}`
}

function edgeConfig(edge: BuiltWorker, from: string, shared: readonly string[]): string {
  const object = (name: 'NODES' | 'COORDINATOR') =>
    `(name = "${name}", durableObjectNamespace = (className = "${OBJECTS[name]}", serviceName = "stint"))`
  const management = '(name = "MANAGEMENT", service = (name = "stint", entrypoint = "Management"))'
  return `const edge :Workerd.Worker = (
  compatibilityDate = "${COMPATIBILITY_DATE}",
  modules = [${modulesOf(edge, from)}],
  bindings = [${[object('NODES'), object('COORDINATOR'), management, ...shared].join(', ')}],
);
`
}

/** The main module first; embedded from where the configuration lies. */
function modulesOf({ main, modules, folder }: BuiltWorker, from: string): string {
  const names = [main, ...Object.keys(modules).filter((name) => name !== main)]
  const pathOf = (name: string) => JSON.stringify(join(relative(from, folder), name))
  return names.map((name) => `(name = ${JSON.stringify(name)}, esModule = embed ${pathOf(name)})`).join(', ')
}
