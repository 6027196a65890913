#!/usr/bin/env node
// Plain JavaScript that any Node from 18 on can read: finds one that runs TypeScript, the project's own if need be.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cli = new URL('../stint.ts', import.meta.url)
const bundled = new URL('../../dist/package/stint.js', import.meta.url)

if (!existsSync(cli)) {
  await import(bundled.href) // installed as a package
} else if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(cli.href)
} else {
  let node
  try {
    const own = createRequire(import.meta.url).resolve('node/package.json')
    node = join(dirname(own), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    console.error(
      `stint: needs Node 24, this is ${process.versions.node}; run npm ci first, it brings its own`,
    )
    process.exit(1)
  }
  const run = spawnSync(node, [fileURLToPath(cli), ...process.argv.slice(2)], { stdio: 'inherit' })
  if (run.error) {
    console.error(`stint: ${run.error.message}; run npm ci first`)
    process.exit(1)
  }
  process.exit(run.status ?? 1)
}
