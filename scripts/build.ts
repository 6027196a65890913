import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist', 'worker')

/** The Worker as modules: the hot path in `worker.js`, what is loaded on demand in chunks beside it. */
export interface BuiltWorker {
  readonly folder: string
  readonly main: string
  readonly modules: Readonly<Record<string, string>>
}

/** Bundles the Worker; what is imported on demand (the admin API) stays a module of its own. */
export async function buildWorker(): Promise<BuiltWorker> {
  rmSync(OUT, { recursive: true, force: true })
  await build({
    entryPoints: [join(ROOT, 'src', 'worker.ts')],
    outdir: OUT,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  const modules: Record<string, string> = {}
  for (const file of readdirSync(OUT)) modules[file] = readFileSync(join(OUT, file), 'utf8')
  return { folder: OUT, main: 'worker.js', modules }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { modules } = await buildWorker()
  console.log(`built dist/worker: ${Object.keys(modules).length} modules`)
}
