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
import { endsWithBench, type Ports } from './servers.ts'
import { pairedRatio, type Spread, spreadOf } from './stats.ts'
import { applyManifest, BENCH_TOKEN, manifestOf, startStint } from './stint-server.ts'

/** A fresh workerd of one kind. */
export interface ColdRow {
  readonly what: string
  /** From the start of the process to its first answer. */
  readonly totalMs: Spread
  /** The first request alone, once workerd listens: Stint's finds its route, node and first lease. */
  readonly requestMs: Spread
  /** CPU of the process until then. */
  readonly cpuMs: Spread
  readonly totalOverPlain: Spread
}

interface Start {
  readonly totalMs: number
  readonly requestMs: number
  readonly cpuMs: number
}

type Fresh = readonly [what: string, built: BuiltWorker, options: Omit<WorkerdOptions, 'built'>]

/**
 * Starts fresh workerd processes in turn: a plain Hono Worker; an edge whose objects run already in another
 * process, as on the platform; and all of Stint at once, where coordinator and node start with the request.
 */
export async function measureColdStart(
  ports: Ports,
  rounds: number,
  progress: (line: string) => void,
): Promise<ColdRow[]> {
  const manifest = manifestOf(1_000, { quiet: { base: 100 } })
  const port = ports.take()
  const stateFolder = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  const worker = (name: string) =>
    buildWorker(join(ROOT, `scripts/bench/workers/${name}.ts`), join(ROOT, 'dist/bench', name))
  const stint = await buildWorker()
  const vars = { STINT_ADMIN_TOKEN: BENCH_TOKEN }
  const running = await startWorkerd({ built: stint, port, stateFolder, vars, quiet: true })
  endsWithBench(running.child)
  await applyManifest(port, manifest)
  await running.stop()
  const warm = await startStint(ports, manifest)
  const edge = await worker('edge-alone')
  const far = { ...vars, OBJECTS_URL: `http://127.0.0.1:${warm.insidePort}/` }
  const kinds: Fresh[] = [
    ['a plain Hono Worker', await worker('plain'), { port, stateFolder, objects: {} }],
    ['the edge, its objects running elsewhere', edge, { port, stateFolder, vars: far, objects: {} }],
    ['all of Stint at once', stint, { port, stateFolder, vars }],
  ]
  const starts = kinds.map((): Start[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, [, built, options]] of kinds.entries()) starts[i]!.push(await start(built, options))
    const line = starts.map((all) => all.at(-1)!.totalMs.toFixed(0)).join(', ')
    progress(`cold start ${round + 1}/${rounds}: plain, edge, all: ${line} ms`)
  }
  await warm.stop()
  rmSync(stateFolder, { recursive: true, force: true })
  const of = (all: readonly Start[], key: keyof Start) => all.map((one) => one[key])
  return kinds.map(([what], i) => ({
    what,
    totalMs: spreadOf(of(starts[i]!, 'totalMs')),
    requestMs: spreadOf(of(starts[i]!, 'requestMs')),
    cpuMs: spreadOf(of(starts[i]!, 'cpuMs')),
    totalOverPlain: pairedRatio(of(starts[i]!, 'totalMs'), of(starts[0]!, 'totalMs')),
  }))
}

async function start(built: BuiltWorker, options: Omit<WorkerdOptions, 'built'>): Promise<Start> {
  const config = join(built.folder, `cold-${options.port}.capnp`)
  writeFileSync(config, capnpConfig({ ...options, built }))
  const startMs = performance.now()
  const child = spawn(WORKERD, ['serve', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  endsWithBench(child)
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
