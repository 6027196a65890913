import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadOrder, LoadResult } from './generator.ts'

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url))

/** A load generator in a process of its own. */
export class Generator {
  readonly #child: ChildProcess = fork(GENERATOR, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })

  /** Sends an order's requests. @throws Error when answers are missing or the generator ended. */
  async run(order: LoadOrder): Promise<LoadResult> {
    const child = this.#child
    const result = await new Promise<LoadResult>((resolve, reject) => {
      const ended = () => reject(new Error('the load generator ended'))
      child.once('exit', ended)
      child.once('message', (answer) => {
        child.off('exit', ended)
        resolve(answer as LoadResult)
      })
      child.send(order)
    })
    const lost = result.byStatus[0] ?? 0
    if (lost > 0) throw new Error(`${lost} connections to port ${order.port} ended without an answer`)
    return result
  }

  stop(): void {
    this.#child.kill()
  }
}
