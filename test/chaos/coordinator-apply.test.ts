import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltWorker, buildWorker } from '../../scripts/build.ts'
import { type RunningWorkerd, startWorkerd } from '../../scripts/run/workerd.ts'
import type { ApplyReport, Page, Summary, TenantView } from '../../src/core/coordinator-api.ts'

const PORT = 18_471
const API = `http://127.0.0.1:${PORT}/_stint/api/v1`
const TOKEN = 'secret-of-the-chaos-tests-0123456789'

let built: BuiltWorker
let stateFolder = ''
let running: RunningWorkerd | undefined

beforeAll(async () => {
  built = await buildWorker()
})

afterEach(async () => {
  await running?.kill()
  running = undefined
  rmSync(stateFolder, { recursive: true, force: true })
})

async function start(): Promise<RunningWorkerd> {
  if (stateFolder === '') stateFolder = mkdtempSync(join(tmpdir(), 'stint-chaos-'))
  running = await startWorkerd({ built, port: PORT, stateFolder, vars: { STINT_ADMIN_TOKEN: TOKEN } })
  return running
}

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
  const answer = await fetch(`${API}${path}`, { ...init, headers })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

const node = (name: string, capacity: number) => ({
  apiVersion: 'stint/v1',
  kind: 'Node',
  metadata: { name },
  spec: { capacity },
})
const tenant = (name: string, base: number) => ({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name },
  spec: { base, hosts: [`${name}.example`] },
})
const numbered = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`)

async function inEffect(): Promise<Summary> {
  for (;;) {
    const summary = await call<Summary>('/summary')
    if (summary.waiting === 0 && summary.unconfirmed === 0) return summary
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('apply', () => {
  it('is all there or not at all after kill -9 at any moment', async () => {
    const tenants = numbered(400, 'k')
    const nodes = numbered(4, 'kill-')
    let done = 0
    const seen = { all: 0, none: 0, answered: 0 }
    for (let round = 1; round <= 24; round++) {
      const workerd = await start()
      const body = JSON.stringify([
        ...nodes.map((name) => node(name, 100_000)),
        ...tenants.map((name) => tenant(name, round)),
      ])
      // One warm call, so that the moments of the kill fall into the apply and not before it.
      await call('/summary')
      const answered = call<ApplyReport>('/apply', { method: 'POST', body }).then(
        () => true,
        () => false,
      )
      // Half of them early, for a fast machine, half of them late, for a busy one.
      await new Promise((resolve) => setTimeout(resolve, round <= 12 ? round * 4 : round * 20))
      await workerd.kill()
      const known = await answered
      await start()
      const { items } = await call<Page<TenantView>>('/tenants?limit=500')
      const bases = new Set(items.map((it) => it.manifest.spec.base))
      expect(bases.size).toBeLessThanOrEqual(1)
      const [base = 0] = bases
      expect(items).toHaveLength(base === 0 ? 0 : tenants.length)
      expect([done, round]).toContain(base)
      if (known) expect(base).toBe(round)
      seen[base === round ? 'all' : 'none']++
      if (known) seen.answered++
      done = base
      await running?.kill()
    }
    console.log('kill -9 during apply:', seen)
    expect(seen.all).toBeGreaterThan(0)
    expect(seen.none).toBeGreaterThan(0)
    await start()
    // What was kept is driven to its end by the alarm alone.
    expect(await inEffect()).toMatchObject({ tenants: tenants.length, troubled: 0, unplaced: 0 })
  })

  it('takes 10 000 tenants on 1 000 nodes in one request, in bounded memory, and serves any of them', async () => {
    stateFolder = ''
    const workerd = await start()
    const tenants = numbered(10_000, 't')
    const body = JSON.stringify([
      ...numbered(1_000, 'big-').map((name) => node(name, 100)),
      ...tenants.map((name) => tenant(name, 10)),
    ])
    let mostKiB = 0
    const watch = setInterval(() => {
      mostKiB = Math.max(mostKiB, residentKiB(workerd.child.pid!))
    }, 50)
    const beganMs = Date.now()
    const report = await call<ApplyReport>('/apply', { method: 'POST', body })
    const acceptedMs = Date.now() - beganMs
    expect(report.created).toBe(11_000)
    expect(await statusOf('t09999.example')).toBe(200)
    const servedMs = Date.now() - beganMs
    expect(await inEffect()).toMatchObject({ tenants: 10_000, nodes: 1_000, troubled: 0, unplaced: 0 })
    const effectMs = Date.now() - beganMs
    clearInterval(watch)
    console.log('10 000 tenants:', { acceptedMs, servedMs, effectMs, mostMiB: Math.round(mostKiB / 1024) })
    expect(effectMs).toBeLessThan(60_000)
    expect(mostKiB).toBeLessThan(1024 * 1024)
    const again = await call<ApplyReport>('/apply', { method: 'POST', body })
    expect(again).toMatchObject({ created: 0, changed: 0, deleted: 0, unchanged: 11_000 })
    expect(again.revision).toBe((await call<Summary>('/summary')).revision)
  })
})

/** The status of a tenant's request; the platform's fetch would not let the host be chosen. */
function statusOf(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port: PORT, path: '/', headers: { host } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    request.once('error', reject)
  })
}

/** Resident memory of a process, KiB; 0 where there is no /proc. */
function residentKiB(pid: number): number {
  try {
    return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
