import type { NodeApi } from '../core/control.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { trimJournal } from './journal.ts'
import { acceptAnswer, acceptSilence, nextPushMs, nodeConfig, pendingPushes } from './pushes.ts'
import { settleTenants } from './settle.ts'

/** Bounds of one run of the loop; what is left is done by the next alarm. */
export const LOOP = {
  maxSteps: 64,
  /** Configs under way at a time: each may be some MB. */
  parallelPushes: 8,
  /** A node that has not answered by then is asked again later, ms. */
  pushTimeoutMs: 10_000,
  /** How long a step waits for answers; slower ones are taken in when they come, others go on meanwhile. */
  stepMs: 500,
  /** How often it is looked whether slow answers have come, ms. */
  slowMs: 1_000,
  /** Pause between steps, ms: requests that came meanwhile have their turn, or a long apply holds up its answer. */
  pauseMs: 5,
} as const

/** How the loop reaches a node object. */
export type NodeOf = (name: string) => Pick<NodeApi, 'configure'>

/**
 * Drives what is towards what is wanted, in small steps: each settles some tenants in one transaction, then
 * sends some nodes their configs. Every step looks at the store anew, so it may be repeated or cut off anywhere.
 */
export class ReconcileLoop {
  readonly #store: CoordinatorStore
  readonly #nodeOf: NodeOf
  #running: Promise<void> | undefined
  /** Nodes being sent a config now, so that two callers do not send the same one. */
  readonly #pushing = new Map<string, Promise<void>>()

  readonly #avoid: (nowMs: number) => ReadonlyMap<string, string>

  /** @param avoid nodes that get no new tenants at a moment, with the reason */
  constructor(
    store: CoordinatorStore,
    nodeOf: NodeOf,
    avoid: (nowMs: number) => ReadonlyMap<string, string>,
  ) {
    this.#store = store
    this.#nodeOf = nodeOf
    this.#avoid = avoid
  }

  /** When there is something to do: at once (0), at a time (ms), or undefined for nothing. */
  dueMs(): number | undefined {
    const due = this.#store.all('SELECT 1 FROM tenants WHERE due = 1 LIMIT 1').length > 0
    if (due) return 0
    const nextMs = nextPushMs(this.#store, [...this.#pushing.keys()])
    if (this.#pushing.size === 0) return nextMs
    return Math.min(nextMs ?? Number.POSITIVE_INFINITY, Date.now() + LOOP.slowMs)
  }

  /** Runs until nothing is due or the bound is reached. One run at a time; calls during a run share it. */
  run(): Promise<void> {
    this.#running ??= this.#steps().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #steps(): Promise<void> {
    for (let step = 0; step < LOOP.maxSteps; step++) {
      const settled = this.settle()
      const nodes = pendingPushes(this.#store, Date.now(), LOOP.parallelPushes, [...this.#pushing.keys()])
      if (settled === 0 && nodes.length === 0) break
      const pushes = Promise.all(nodes.map((node) => this.push(node)))
      await Promise.race([pushes, scheduler.wait(LOOP.stepMs)])
      await scheduler.wait(LOOP.pauseMs)
    }
    trimJournal(this.#store)
  }

  /** Settles tenants that are due, without telling any node. @returns how many were looked at */
  settle(only?: readonly string[]): number {
    const nowMs = Date.now()
    const avoid = this.#avoid(nowMs)
    return settleTenants(this.#store, nowMs, only === undefined ? { avoid } : { avoid, only })
  }

  /** Sends a node its config and books the answer; a failure is booked too, never thrown. */
  push(node: string): Promise<void> {
    const underWay = this.#pushing.get(node)
    if (underWay !== undefined) return underWay
    const push = this.#send(node).finally(() => this.#pushing.delete(node))
    this.#pushing.set(node, push)
    return push
  }

  async #send(node: string): Promise<void> {
    const row = this.#store.node(node)
    if (row === undefined) return
    const config = nodeConfig(this.#store, row)
    let timer: ReturnType<typeof setTimeout> | null = null
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('no answer in time')), LOOP.pushTimeoutMs)
      })
      const answer = await Promise.race([this.#nodeOf(node).configure(config), late])
      acceptAnswer(this.#store, node, answer, Date.now())
    } catch (error) {
      acceptSilence(this.#store, node, error instanceof Error ? error.message : String(error), Date.now())
    } finally {
      if (timer !== null) clearTimeout(timer)
    }
  }
}
