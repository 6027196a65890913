import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildWorker, ROOT } from '../build.ts'
import { waitUntilOpen } from '../run/ports.ts'
import { startWorkerd, type WorkerdOptions } from '../run/workerd.ts'

/** Something that was started and can be measured. */
export interface Server {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/** Hands out ports, counting up from a first one. */
export class Ports {
  #next: number

  constructor(first: number) {
    this.#next = first
  }

  take(): number {
    return this.#next++
  }
}

/** Everything that runs for the bench, so that nothing outlives it, however it ends. */
const started = new Set<ChildProcess>()
/** Has a process end with the bench, whatever ends the bench. */
export function endsWithBench(child: ChildProcess): void {
  started.add(child)
  child.once('exit', () => started.delete(child))
}
process.once('exit', () => {
  for (const child of started) child.kill()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const WORKERS = fileURLToPath(new URL('workers/', import.meta.url))
const PEERS = fileURLToPath(new URL('peers/', import.meta.url))

/** Starts one of the bench's Workers on workerd, with storage of its own that goes with it. */
export async function startWorker(
  name: string,
  options: Pick<WorkerdOptions, 'edge' | 'port' | 'vars' | 'objects' | 'entrypoints' | 'services'>,
): Promise<Server> {
  const built = await buildWorker(join(WORKERS, `${name}.ts`), join(ROOT, 'dist', 'bench', name))
  const stateFolder = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  const workerd = await startWorkerd({ objects: {}, ...options, built, stateFolder, quiet: true })
  endsWithBench(workerd.child)
  return {
    port: options.port,
    pid: workerd.child.pid!,
    stop: async () => {
      await workerd.stop()
      rmSync(stateFolder, { recursive: true, force: true })
    },
  }
}

/** Starts one of the peers that run in Node, in a process of its own. */
export async function startPeer(
  name: string,
  port: number,
  args: readonly (string | number)[],
): Promise<Server> {
  const child = fork(join(PEERS, `${name}.ts`), [port, ...args].map(String))
  await opened(child, port, name)
  return { port, pid: child.pid!, stop: () => ended(child) }
}

/** Starts Debian's redis-server, in memory only; undefined when it is not installed. */
export async function startRedis(port: number): Promise<Server | undefined> {
  if (redisVersion() === undefined) return undefined
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  await opened(child, port, 'redis-server')
  return { port, pid: child.pid!, stop: () => ended(child) }
}

/** Version of the installed redis-server, if there is one. */
export function redisVersion(): string | undefined {
  const told = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  return told.error === undefined ? /v=(\S+)/.exec(told.stdout)?.[1] : undefined
}

function opened(child: ChildProcess, port: number, name: string): Promise<void> {
  endsWithBench(child)
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${name} ended before it was ready`)))
    waitUntilOpen(port).then(resolve)
  })
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill()
  })
}
