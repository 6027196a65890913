import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/build.ts'
import { Admin } from '../../scripts/run/admin.ts'
import { waitUntilOpen } from '../../scripts/run/ports.ts'
import { WORKERD } from '../../scripts/run/workerd.ts'
import { ask } from './ask.ts'

const PORT = 18_476
const TOKEN = 'secret-of-the-chaos-tests-0123456789'
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: own }
spec: { capacity: 100, origin: { service: shop.v1 } }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: shop }
spec: { base: 50, hosts: [shop.localhost] }
`

let folder = ''
let origin: Server
let workerd: ChildProcess | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stint-self-host-'))
  mkdirSync(join(folder, 'state'))
  origin = createServer((_, answer) => answer.end('from the shop\n')).listen(0, '127.0.0.1')
  await once(origin, 'listening')
})

afterAll(async () => {
  await end()
  origin.close()
  rmSync(folder, { recursive: true, force: true })
})

function build(...args: string[]) {
  return spawnSync(process.execPath, [join(ROOT, 'scripts', 'self-host.ts'), ...args], { encoding: 'utf8' })
}

/** Starts workerd on what was built, as `docs/deploy.md` says. */
async function begin(env: Record<string, string>): Promise<void> {
  const overrides = [`-shttp=127.0.0.1:${PORT}`, `-dstate=${join(folder, 'state')}`]
  const config = join(folder, 'built', 'stint.capnp')
  workerd = spawn(WORKERD, ['serve', config, ...overrides], { env, stdio: 'ignore' })
  await waitUntilOpen(PORT)
}

async function end(): Promise<void> {
  if (workerd === undefined || workerd.exitCode !== null) return
  workerd.kill('SIGTERM')
  await once(workerd, 'exit')
}

describe('Stint on workerd, from `npm run build:workerd`', () => {
  it('serves tenants from an origin of the command line, with secrets from the environment', async () => {
    const { port } = origin.address() as AddressInfo
    const built = build('--folder', join(folder, 'built'), '--service', `shop.v1=127.0.0.1:${port}`)
    expect(built.stderr + built.stdout).toContain('npx workerd serve')
    await begin({ STINT_ADMIN_TOKEN: TOKEN })
    await new Admin(`http://127.0.0.1:${PORT}`, TOKEN).apply(MANIFEST)
    expect(await ask(PORT, 'shop.localhost')).toEqual({ status: 200, text: 'from the shop\n' })
  })

  it('keeps everything where it was told to, and opens no admin API without a secret', async () => {
    await end()
    await begin({})
    expect(await ask(PORT, 'shop.localhost')).toEqual({ status: 200, text: 'from the shop\n' })
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const closed = await fetch(`http://127.0.0.1:${PORT}/_stint/api/v1/tenants`, { headers })
    expect(closed.status).toBe(503)
    const metrics = await fetch(`http://127.0.0.1:${PORT}/_stint/metrics`, { headers })
    expect([401, 503]).toContain(metrics.status)
  })

  it('says in one line what is wrong with an origin', () => {
    const { status, stderr } = build('--service', 'shop')
    expect(status).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('NAME=HOST:PORT')])
  })
})
