import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ROOT } from '../../scripts/build.ts'
import { type RunningWorkerd, startWorkerd } from '../../scripts/run/workerd.ts'

const PORT = 18_531
const folder = mkdtempSync(join(tmpdir(), 'stint-package-'))
const project = join(folder, 'project')
let worker: RunningWorkerd | undefined

const npm = (where: string, ...args: string[]) =>
  execFileSync('npm', args, { cwd: where, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

beforeAll(() => {
  const [packed] = JSON.parse(npm(ROOT, 'pack', '--json', '--silent', '--pack-destination', folder)) as [
    { filename: string },
  ]
  cpSync(join(ROOT, 'examples', 'middleware'), project, { recursive: true })
  const quiet = ['--no-audit', '--no-fund', '--omit=dev', '--prefer-offline', '--no-package-lock']
  npm(project, 'install', ...quiet, join(folder, packed.filename))
  mkdirSync(join(project, 'node_modules', '@cloudflare'), { recursive: true })
  const types = join('node_modules', '@cloudflare', 'workers-types')
  symlinkSync(join(ROOT, types), join(project, types))
})

afterAll(async () => {
  await worker?.kill()
  rmSync(folder, { recursive: true, force: true })
})

it('the example Worker, with the packed library installed, type-checks', () => {
  const installed = JSON.parse(readFileSync(join(project, 'node_modules', 'stint', 'package.json'), 'utf8'))
  expect(installed.name).toBe('stint')
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  try {
    execFileSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' })
  } catch (error) {
    expect((error as { stdout: string }).stdout).toBe('')
  }
})

it('and runs under workerd: teams share, the surplus is refused, true costs are settled', async () => {
  const out = join(folder, 'out')
  await build({
    entryPoints: [join(project, 'src', 'index.ts')],
    outfile: join(out, 'worker.js'),
    bundle: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*'],
    logLevel: 'warning',
  })
  const modules = { 'worker.js': readFileSync(join(out, 'worker.js'), 'utf8') }
  worker = await startWorkerd({
    built: { folder: out, main: 'worker.js', modules },
    port: PORT,
    stateFolder: join(folder, 'state'),
    objects: { NODES: 'NodeObject', COORDINATOR: 'CoordinatorObject' },
  })
  const ask = (path: string, team?: string, init: RequestInit = {}) =>
    fetch(`${worker!.url}${path}`, {
      ...init,
      ...(team === undefined ? {} : { headers: { 'X-Team': team } }),
    })
  const setup = await ask('/setup', undefined, { method: 'POST' })
  expect([setup.status, await setup.text()]).toEqual([200, expect.stringContaining('red')])
  expect((await ask('/')).status).toBe(404)
  expect((await ask('/', 'green')).status).toBe(404)
  const hello = await ask('/', 'red')
  expect([hello.status, await hello.text()]).toEqual([200, 'hello, red'])
  expect(hello.headers.get('RateLimit-Policy')).toBe('"base";q=40;w=1')
  const answer = await ask('/answer', 'red', { method: 'POST', body: 'why?' })
  expect([answer.status, answer.headers.get('Stint-Cost')]).toEqual([200, null])
  const flood = await Promise.all(Array.from({ length: 300 }, () => ask('/', 'red')))
  const blue = await Promise.all(Array.from({ length: 10 }, () => ask('/', 'blue')))
  expect(flood.filter(({ status }) => status === 429).length).toBeGreaterThan(100)
  expect(blue.map(({ status }) => status)).toEqual(Array(10).fill(200))
})
