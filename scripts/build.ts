import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { pagePlugin } from './page.ts'

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENTRY = join(ROOT, 'src', 'worker.ts')
const OUT = join(ROOT, 'dist', 'worker')
const EDGE_ENTRY = join(ROOT, 'src', 'edge-worker.ts')
const EDGE_OUT = join(ROOT, 'dist', 'edge')

/** The Worker as modules: the hot path in `worker.js`, what is loaded on demand in chunks beside it. */
export interface BuiltWorker {
  readonly folder: string
  readonly main: string
  readonly modules: Readonly<Record<string, string>>
}

/** The schema library has its messages in fifty languages, a quarter of all code; the API speaks English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup(bundler) {
    const contents = "export { default as en } from './en.js'"
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents }))
  },
}

/**
 * Bundles the Worker, or another one beginning at `entry`; what is imported on demand (the admin API) stays
 * a module of its own.
 */
export async function buildWorker(entry = ENTRY, folder = OUT): Promise<BuiltWorker> {
  rmSync(folder, { recursive: true, force: true })
  await build({
    entryPoints: { worker: entry },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    minify: true,
    sourcemap: 'linked',
    plugins: [pagePlugin, englishOnly],
    legalComments: 'none',
    logLevel: 'warning',
  })
  const modules: Record<string, string> = {}
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.js')) modules[file] = readFileSync(join(folder, file), 'utf8')
  }
  return { folder, main: 'worker.js', modules }
}

/** Bundles the edge as a Worker of its own. */
export function buildEdge(folder = EDGE_OUT): Promise<BuiltWorker> {
  return buildWorker(EDGE_ENTRY, folder)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [worker, edge] = [await buildWorker(), await buildEdge()]
  const count = ({ modules }: BuiltWorker) => Object.keys(modules).length
  console.log(`built dist/worker: ${count(worker)} modules, dist/edge: ${count(edge)}`)
}
