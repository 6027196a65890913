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
// The command line, so that `npx stint` works where the package is installed: Node reads no TypeScript there.
await build({
  entryPoints: [join(ROOT, 'scripts', 'stint.ts')],
  outdir: OUT,
  bundle: true,
  format: 'esm',
  target: 'node20',
  platform: 'node',
  // What of it is CommonJS asks for Node's own modules.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
  },
  logLevel: 'warning',
})
const declared = spawnSync(
  process.execPath,
  [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(ROOT, 'tsconfig.package.json')],
  { stdio: 'inherit' },
)
if (declared.status !== 0) process.exit(declared.status ?? 1)
