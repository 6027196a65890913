import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import type { ManifestSet } from '../src/core/manifest/check.ts'
import { formatManifestError } from '../src/core/manifest/errors.ts'
import { parseManifests } from '../src/core/manifest/parse.ts'
import { buildWorker, ROOT } from './build.ts'
import { startMiniflare } from './run/miniflare.ts'
import { parsePort, portIsFree } from './run/ports.ts'

interface Options {
  readonly port: number
  readonly manifest: string
  readonly state: string
}

/** Something the user can mend: said in one line, exit code 1. */
class UserError extends Error {}

const program = new Command('start')
  .description('Runs the edge, its nodes and the coordinator on this machine (miniflare).')
  .option('--port <port>', 'port on 127.0.0.1', parsePort, 8787)
  .option('--manifest <file>', 'nodes and tenants to apply', join(ROOT, 'examples', 'demo.yaml'))
  .option('--state <folder>', 'where balances and usage are kept', join(ROOT, '.stint', 'state'))
  .action(start)

program.parseAsync().catch((error: unknown) => {
  console.error(
    `start: ${error instanceof UserError ? error.message : error instanceof Error ? error.stack : error}`,
  )
  process.exit(1)
})

async function start(options: Options): Promise<void> {
  const manifest = readManifest(options.manifest)
  if (!(await portIsFree(options.port))) {
    throw new UserError(`port ${options.port} is in use; choose another with --port`)
  }
  const token = adminToken(options.state)
  const built = await buildWorker()
  const miniflare = await startMiniflare({
    built,
    port: options.port,
    stateFolder: resolve(options.state),
    vars: { STINT_ADMIN_TOKEN: token, STINT_DEMO: '1', STINT_LOG: 'errors', ...hookVars(process.env) },
  })
  const stop = async () => {
    await miniflare.dispose()
    process.exit(0)
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const url = `http://127.0.0.1:${options.port}`
  try {
    await apply(url, token, readFileSync(options.manifest, 'utf8'))
  } catch (error) {
    await miniflare.dispose()
    throw error
  }
  print(url, token, options, manifest)
}

function readManifest(file: string): ManifestSet {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new UserError(`${file}: cannot be read; name a manifest with --manifest`)
  }
  const parsed = parseManifests([{ file, text }])
  if (!parsed.ok) {
    const [first, ...more] = parsed.error
    const rest = more.length === 0 ? '' : ` (and ${more.length} more)`
    throw new UserError(`${formatManifestError(first!)}${rest}`)
  }
  return parsed.value
}

/** What lets placement call a hook, as the environment gives it; see `docs/placement.md`. */
function hookVars({ STINT_HOOKS, STINT_HOOK_SECRET }: NodeJS.ProcessEnv): Record<string, string> {
  return {
    ...(STINT_HOOKS === undefined ? {} : { STINT_HOOKS }),
    ...(STINT_HOOK_SECRET === undefined ? {} : { STINT_HOOK_SECRET }),
  }
}

/** The secret of the local run: from the environment, else made once and kept beside the state. */
function adminToken(stateFolder: string): string {
  const given = process.env['STINT_ADMIN_TOKEN']
  if (given !== undefined && given !== '') return given
  const file = join(stateFolder, 'admin-token')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const token = `stint_${randomBytes(32).toString('base64url')}`
    mkdirSync(stateFolder, { recursive: true })
    writeFileSync(file, `${token}\n`, { mode: 0o600 })
    return token
  }
}

async function apply(url: string, token: string, manifest: string): Promise<void> {
  const response = await fetch(`${url}/_stint/api/v1/apply`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/yaml' },
    body: manifest,
  })
  if (!response.ok) throw new UserError(`the manifest was not accepted: ${await response.text()}`)
}

function print(url: string, token: string, options: Options, { nodes, tenants }: ManifestSet): void {
  const lines = [
    `Stint is ready on ${url}`,
    '',
    ...nodes.map(({ metadata, spec }) => `  node    ${metadata.name.padEnd(10)} ${spec.capacity} tokens/s`),
    ...tenants.map(
      ({ metadata, spec }) => `  tenant  ${metadata.name.padEnd(10)} ${spec.base} tokens/s guaranteed`,
    ),
    '',
    'Try a tenant:',
    ...tenants.slice(0, 10).map(({ spec }) => `  curl -i -H 'Host: ${spec.hosts[0] ?? ''}' ${url}/`),
    '',
  ]
  const flooded = tenants[1] ?? tenants[0]
  if (flooded !== undefined) {
    const port = options.port === 8787 ? '' : ` --port ${options.port}`
    lines.push(
      'Flood one, and watch it borrow what the others leave idle:',
      `  npm run load -- --tenant ${flooded.metadata.name}=400 --seconds 10${port}`,
      '',
    )
  }
  lines.push(
    `Dashboard, with a switch for load on each tenant: ${url}/_stint/`,
    `  sign in with ${token}`,
    '',
    `Admin API at ${url}/_stint/api/v1, for the CLI:`,
    `  export STINT_URL=${url} STINT_TOKEN=${token}`,
    '',
  )
  lines.push(
    `State is kept in ${relative(process.cwd(), resolve(options.state)) || '.'}. Ctrl-C stops everything.`,
  )
  console.log(lines.join('\n'))
}
