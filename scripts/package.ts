import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from './build.ts'

/** What `npm pack` takes along: the library as modules, and its declarations. */
const OUT = join(ROOT, 'dist', 'package')

rmSync(OUT, { recursive: true, force: true })
await build({
  entryPoints: ['index.ts', 'manifest.ts'].map((name) => join(ROOT, 'src', name)),
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2024',
  platform: 'neutral',
  // The application's own Hono must be the one the middleware speaks to.
  external: ['cloudflare:*', 'hono', 'zod', 'yaml'],
  logLevel: 'warning',
})
const declared = spawnSync(
  process.execPath,
  [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(ROOT, 'tsconfig.package.json')],
  { stdio: 'inherit' },
)
if (declared.status !== 0) process.exit(declared.status ?? 1)
