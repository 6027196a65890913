import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const PAGE = fileURLToPath(new URL('../src/dashboard/page/', import.meta.url))

/** The module by which the Worker has the page's files, and what bundlers call it inside. */
export const PAGE_MODULE = 'stint:page'

/** A file of the page as it is served. */
export interface PageFile {
  readonly type: string
  readonly text: string
}

/** Bundles the dashboard's page: one script, one style, one document, nothing from elsewhere. */
export async function buildPage(): Promise<Record<string, PageFile>> {
  const built = await build({
    entryPoints: { app: join(PAGE, 'main.tsx'), style: join(PAGE, 'style.css') },
    outdir: PAGE,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  })
  const files: Record<string, PageFile> = {}
  for (const { path, text } of built.outputFiles) {
    const type = path.endsWith('.css') ? 'text/css; charset=utf-8' : 'text/javascript; charset=utf-8'
    files[basename(path)] = { type, text }
  }
  for (const [name, type] of [
    ['index.html', 'text/html; charset=utf-8'],
    ['icon.svg', 'image/svg+xml'],
  ] as const) {
    files[name] = { type, text: readFileSync(join(PAGE, name), 'utf8') }
  }
  return files
}

/** The page as the text of a module. */
export async function pageModule(): Promise<string> {
  return `export const files = ${JSON.stringify(await buildPage())}`
}

/** Gives esbuild the page as a module of the Worker. */
export const pagePlugin: Plugin = {
  name: PAGE_MODULE,
  setup(bundler) {
    bundler.onResolve({ filter: /^stint:page$/ }, ({ path }) => ({ path, namespace: PAGE_MODULE }))
    bundler.onLoad({ filter: /.*/, namespace: PAGE_MODULE }, async () => ({ contents: await pageModule() }))
  },
}
