import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A running machine; `reset` forgets what still waits. */
export interface Machine {
  reset(): void
  stop(): void
}

/** How a machine serves: so many requests at a time, each for so long; the others wait in line, whoever they are for. */
export interface MachineOptions {
  readonly port: number
  readonly workers: number
  readonly serviceMs: number
  /** How long what is asked for under `/dear` takes; as long as the rest unless given. */
  readonly dearMs?: number
}

/** Starts a machine on 127.0.0.1. @throws Error when the port is in use. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const thread = new Worker(new URL('machine-thread.ts', import.meta.url), { workerData: options })
  await once(thread, 'message')
  return {
    reset: () => thread.postMessage('reset'),
    stop: () => void thread.terminate(),
  }
}
