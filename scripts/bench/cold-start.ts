import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type BuiltWorker, buildWorker, ROOT } from '../build.ts'
import { capnpConfig, startWorkerd, WORKERD, type WorkerdOptions } from '../run/workerd.ts'
import { Connection } from './connection.ts'
import { cpuMicrosOf } from './process-cpu.ts'
import type { Ports } from './servers.ts'
import { pairedRatio, type Spread, spreadOf } from './stats.ts'
import { applyManifest, BENCH_TOKEN, manifestOf } from './stint-server.ts'

/** From the start of a fresh workerd to its first answer, milliseconds. */
export interface ColdStart {
  readonly plainMs: Spread
  readonly stintMs: Spread
  readonly stintOverPlain: Spread
  /** The first request alone, once workerd listens: Stint's finds its route, node and first lease. */
  readonly plainFirstRequestMs: Spread
  readonly stintFirstRequestMs: Spread
  /** CPU from start to first answer, milliseconds. */
  readonly plainCpuMs: Spread
  readonly stintCpuMs: Spread
}

interface Start {
  readonly totalMs: number
  readonly requestMs: number
  readonly cpuMs: number
}

/** Starts fresh workerd processes, a plain Hono Worker and Stint in turn. */
export async function measureColdStart(
  ports: Ports,
  rounds: number,
  progress: (line: string) => void,
): Promise<ColdStart> {
  const port = ports.take()
  const stateFolder = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  const plain = await buildWorker(
    join(ROOT, 'scripts/bench/workers/plain.ts'),
    join(ROOT, 'dist/bench/plain'),
  )
  const stint = await buildWorker()
  const vars = { STINT_ADMIN_TOKEN: BENCH_TOKEN }
  const running = await startWorkerd({ built: stint, port, stateFolder, vars })
  await applyManifest(port, manifestOf(1_000, { quiet: { base: 100 } }))
  await running.stop()
  const [plainStarts, stintStarts]: [Start[], Start[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    plainStarts.push(await start(plain, { port, stateFolder, objects: {} }))
    stintStarts.push(await start(stint, { port, stateFolder, vars }))
    const [p, s] = [plainStarts.at(-1)!, stintStarts.at(-1)!]
    progress(
      `cold start ${round + 1}/${rounds}: plain ${p.totalMs.toFixed(0)} ms, Stint ${s.totalMs.toFixed(0)} ms`,
    )
  }
  rmSync(stateFolder, { recursive: true, force: true })
  const of = (starts: readonly Start[], key: keyof Start) => starts.map((one) => one[key])
  return {
    plainMs: spreadOf(of(plainStarts, 'totalMs')),
    stintMs: spreadOf(of(stintStarts, 'totalMs')),
    stintOverPlain: pairedRatio(of(stintStarts, 'totalMs'), of(plainStarts, 'totalMs')),
    plainFirstRequestMs: spreadOf(of(plainStarts, 'requestMs')),
    stintFirstRequestMs: spreadOf(of(stintStarts, 'requestMs')),
    plainCpuMs: spreadOf(of(plainStarts, 'cpuMs')),
    stintCpuMs: spreadOf(of(stintStarts, 'cpuMs')),
  }
}

async function start(built: BuiltWorker, options: Omit<WorkerdOptions, 'built'>): Promise<Start> {
  const config = join(built.folder, `cold-${options.port}.capnp`)
  writeFileSync(config, capnpConfig({ ...options, built }))
  const startMs = performance.now()
  const child = spawn(WORKERD, ['serve', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  while (!(await accepts(options.port))) await new Promise((resolve) => setTimeout(resolve, 1))
  const openMs = performance.now()
  const connection = await Connection.open(options.port, 'quiet.localhost', '/')
  const status = await new Promise<number>((resolve) => connection.send(resolve))
  const endMs = performance.now()
  const cpuMs = cpuMicrosOf(child.pid!) / 1_000
  connection.close()
  child.kill()
  await ended
  if (status !== 200) throw new Error(`cold start: status ${status}`)
  return { totalMs: endMs - startMs, requestMs: endMs - openMs, cpuMs }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
