import { get } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import type { AccountState } from '../src/core/control.ts'
import { runLoad } from './load/run.ts'
import { LocalStint } from './run/local.ts'
import { type Random, randomFrom } from './simulate/random.ts'

interface Options {
  readonly kills: number
  readonly port: number
  readonly seed: number
}

/** What became of a self-hosted Stint that was killed again and again under load. */
export interface KillReport {
  readonly kills: number
  /** From the moment it listens again to the first answer 200 of a tenant inside its base, the longest, ms. */
  readonly longestUntilServedMs: number
  readonly admittedByClients: number
  readonly failedAtClients: number
  readonly admittedByNodes: number
  readonly faults: readonly string[]
}

const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: kill }
spec: { capacity: 400 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: calm }
spec: { base: 200, hosts: [calm.localhost] }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: flood }
spec: { base: 100, hosts: [flood.localhost] }
`

/** Kills the whole tree (SIGKILL) under load, restarts it on the same state, and compares the books. */
export async function killLoop(options: Options, onKill: (done: number) => void): Promise<KillReport> {
  const stint = await LocalStint.start(options.port, MANIFEST)
  const random = randomFrom(options.seed)
  const faults: string[] = []
  const end = new AbortController()
  const load = runLoad(
    {
      tenants: [
        { name: 'calm', perSecond: 80 },
        { name: 'flood', perSecond: 600 },
      ],
      seconds: 3_600,
      port: options.port,
      timeoutMs: 2_000,
    },
    end.signal,
  )
  try {
    let longestUntilServedMs = 0
    for (let kill = 1; kill <= options.kills; kill++) {
      await sleep(300 + random() * 1_500)
      longestUntilServedMs = Math.max(longestUntilServedMs, await killOnce(stint, random, faults))
      onKill(kill)
    }
    await sleep(500)
    end.abort()
    const { tenants } = await load
    await sleep(3_500) // what is under way is reported or lapses
    const admittedByNodes = sum(await stint.admin.accounts(), 'admitted')
    const admittedByClients = tenants.reduce((total, tenant) => total + tenant.admitted, 0)
    const offered = tenants.reduce((total, tenant) => total + tenant.offered, 0)
    const failed = offered - tenants.reduce((total, tenant) => total + tenant.admitted + tenant.refused, 0)
    // The clients know of every answer; what had none may have been admitted before it was lost.
    if (admittedByNodes > admittedByClients + failed + options.kills) {
      faults.push(
        `${admittedByNodes} admitted by the nodes, at most ${admittedByClients + failed} by the clients`,
      )
    }
    return {
      kills: options.kills,
      longestUntilServedMs: Math.round(longestUntilServedMs),
      admittedByClients,
      failedAtClients: failed,
      admittedByNodes,
      faults,
    }
  } finally {
    end.abort()
    await stint.dispose()
  }
}

async function killOnce(stint: LocalStint, random: Random, faults: string[]): Promise<number> {
  const before = await stint.admin.accounts()
  await sleep(random() * 300) // unacknowledged traffic goes on
  await stint.kill()
  await stint.restart()
  const servedMs = await untilServed(stint.port)
  if (servedMs > 1_000) faults.push(`a tenant inside its base was served after ${Math.round(servedMs)} ms`)
  const after = await stint.admin.accounts()
  for (const account of before) {
    const now = after.find(({ tenant }) => tenant === account.tenant)
    for (const key of ['spent', 'admitted', 'refused'] as const) {
      const [had, has] = [account.usage[key], now?.usage[key] ?? 0]
      if (has < had)
        faults.push(`${account.tenant}: ${key} ${had} was acknowledged, ${has} after the restart`)
    }
  }
  return servedMs
}

async function untilServed(port: number): Promise<number> {
  const startedMs = performance.now()
  while (performance.now() - startedMs < 30_000) {
    if ((await statusOf(port)) === 200) break
    await sleep(10)
  }
  return performance.now() - startedMs
}

/** The status of one request of the calm tenant; undefined without an answer. */
function statusOf(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = get({ port, host: '127.0.0.1', headers: { Host: 'calm.localhost' } }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode))
    })
    asked.once('error', () => resolve(undefined))
  })
}

function sum(accounts: readonly AccountState[], key: 'admitted'): number {
  return accounts.reduce((total, { usage }) => total + usage[key], 0)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0')
  return value
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command('kill')
    .description('Kills a self-hosted Stint (SIGKILL) again and again under load and compares the books.')
    .option('--kills <n>', 'how often', whole, 20)
    .option('--port <port>', 'port on 127.0.0.1', whole, 8796)
    .option('--seed <n>', 'seed of the moments', whole, 1)
    .action(async (options: Options) => {
      const report = await killLoop(options, (done) => console.error(`kill: ${done} of ${options.kills}`))
      console.log(JSON.stringify(report, null, 2))
      if (report.faults.length > 0) process.exitCode = 1
    })
    .parseAsync()
    .catch((error: unknown) => {
      console.error(`kill: ${error instanceof Error ? error.message : error}`)
      process.exitCode = 1
    })
}
