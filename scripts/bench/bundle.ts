import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuiltWorker, buildEdge, buildWorker, ROOT } from '../build.ts'

/** Sizes in bytes after gzip. */
export interface BundleSizes {
  /** The edge as a Worker of its own, whole: what an isolate loads before its first request. */
  readonly edgeGzip: number
  /** Where one Worker does everything: `worker.js` and what it imports statically. */
  readonly hotPathGzip: number
  readonly hotPathModules: readonly string[]
  /** Everything that is uploaded of that. */
  readonly totalGzip: number
}

/** Measures the bundle that `wrangler deploy` uploads, as scripts/build.ts splits it. */
export async function measureBundle(): Promise<BundleSizes> {
  // In a folder of its own: nothing that runs is taken away.
  const built = await buildWorker(undefined, join(ROOT, 'dist', 'bench', 'size'))
  const edge = await buildEdge(join(ROOT, 'dist', 'bench', 'edge-size'))
  const hotPathModules = staticModules(built)
  const gzip = ({ modules }: BuiltWorker, names: readonly string[] = Object.keys(modules)) =>
    names.reduce((sum, name) => sum + gzipSync(modules[name]!).length, 0)
  return {
    edgeGzip: gzip(edge),
    hotPathModules,
    hotPathGzip: gzip(built, hotPathModules),
    totalGzip: gzip(built),
  }
}

/** The names of the main module and all it imports statically; what is loaded by `import()` is not part of it. */
export function staticModules({ main, modules }: BuiltWorker): string[] {
  const seen = new Set([main])
  for (const name of seen) {
    // Of a minified module: `from"./chunk.js"` and `import"./chunk.js"`, but not `import("./chunk.js")`.
    for (const [, target] of modules[name]!.matchAll(/(?:\bfrom|\bimport)"\.\/([^"]+\.js)"/g))
      seen.add(target!)
  }
  return [...seen]
}
