import { Log, LogLevel, Miniflare } from 'miniflare'
import type { BuiltWorker } from '../build.ts'
import { COMPATIBILITY_DATE, OBJECTS } from './bindings.ts'
import { V8_FLAGS } from './v8-flags.ts'

/** How to run the built Worker on miniflare. */
export interface MiniflareRun {
  readonly built: BuiltWorker
  readonly port: number
  /** Folder for the objects' storage. */
  readonly stateFolder: string
  readonly vars: Readonly<Record<string, string>>
}

/** Starts the Worker on 127.0.0.1 and resolves when it answers. */
export async function startMiniflare({ built, port, stateFolder, vars }: MiniflareRun): Promise<Miniflare> {
  const modules = Object.fromEntries(
    Object.entries(built.modules).map(([name, contents]) => [name, { type: 'esm' as const, contents }]),
  )
  const objects = Object.entries(OBJECTS).map(([binding, exportName]) => [
    binding,
    { type: 'durable-object' as const, worker: 'stint', exportName },
  ])
  const texts = Object.entries(vars).map(([name, value]) => [name, { type: 'text' as const, value }])
  const exports = Object.values(OBJECTS).map((name) => [
    name,
    { type: 'durable-object' as const, storage: 'sqlite' as const },
  ])
  // The one way miniflare has to pass them on.
  process.env['MINIFLARE_WORKERD_V8_FLAGS'] ??= V8_FLAGS.join(' ')
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port,
    log: new Log(LogLevel.WARN),
    // Nothing is fetched from elsewhere: the local run works without a network.
    cf: false,
    resourcePersistencePath: stateFolder,
    workers: [
      {
        config: {
          name: 'stint',
          compatibilityDate: COMPATIBILITY_DATE,
          manifest: { mainModule: built.main, modules },
          env: Object.fromEntries([...objects, ...texts]),
          exports: Object.fromEntries(exports),
        },
      },
    ],
  })
  await miniflare.ready
  return miniflare
}
