import type { TenantCapsule } from '../core/capsule.ts'
import type { Checkpoint } from '../core/checkpoints.ts'
import type { HeartbeatAnswer, NodeReport } from '../core/control.ts'
import {
  HEALTH_TERMS,
  type HealthTerms,
  type NodeHealth,
  onReport,
  onSilence,
  silenceDueMs,
} from '../core/health.ts'
import type { NodeMessage } from '../core/migration/types.ts'
import { type CheckpointStore, checkpointsPerReport } from './checkpoint-store.ts'
import type { CoordinatorStore, NodeRow } from './coordinator-store.ts'
import { record } from './journal.ts'
import { TOLD_AT_ONCE } from './moves.ts'
import { type ServingLeases, servingTerms } from './serving-leases.ts'
import { healthOf } from './views.ts'

/** Time the coordinator has for one report, ms. */
const MS_PER_REPORT = 50

/** What comes with a report, and what the node has to be told with the answer. */
export interface Heard {
  readonly report: NodeReport
  readonly checkpoints: readonly Checkpoint[]
  readonly told: readonly NodeMessage<TenantCapsule>[]
}

/**
 * Watches the nodes by their reports. Streaks and times of the last report live in memory, only a change of
 * phase is written: 1 000 nodes reporting every five seconds would otherwise be 200 writes a second. After a
 * restart every node that had ever spoken has one full term to do so again.
 */
export class HeartbeatWatch {
  readonly #store: CoordinatorStore
  readonly #serving: ServingLeases
  readonly #checkpoints: CheckpointStore
  readonly #leastIntervalMs: number
  readonly #known = new Map<string, NodeHealth>()
  readonly #reports = new Map<string, { readonly report: NodeReport; readonly atMs: number }>()

  constructor(
    store: CoordinatorStore,
    serving: ServingLeases,
    checkpoints: CheckpointStore,
    leastIntervalMs: number | undefined,
    nowMs: number,
  ) {
    this.#store = store
    this.#serving = serving
    this.#checkpoints = checkpoints
    this.#leastIntervalMs = leastIntervalMs ?? HEALTH_TERMS.intervalMs
    for (const row of store.all<NodeRow>('SELECT * FROM nodes WHERE health IS NOT NULL')) {
      this.#known.set(row.name, { ...healthOf(row), heardMs: nowMs, bad: 0, good: 0 })
    }
  }

  /**
   * Books a node's report and renews its lease to serve, unless there is more to tell it than goes at once. A node
   * that is not known (any more) may serve, too: nobody takes over from it.
   * @returns what to tell it, and whether its phase changed
   */
  accept(
    node: string,
    { report, checkpoints, told }: Heard,
    nowMs: number,
  ): { answer: HeartbeatAnswer; changed: boolean } {
    const row = this.#store.node(node)
    const terms = this.#terms()
    const nextMs = terms.intervalMs
    this.#checkpoints.record(node, checkpoints, nowMs)
    const serve = told.length < TOLD_AT_ONCE ? servingTerms(terms) : null
    if (serve !== null) this.#serving.grant(node, nowMs, serve)
    const wanted = checkpointsPerReport(this.#known.size, nextMs)
    const word = { nextMs, messages: told, serve, checkpoints: wanted }
    if (row === undefined || row.deleted_ms !== null) {
      return { answer: { generation: 0, ...word }, changed: false }
    }
    const before = this.#known.get(node) ?? healthOf(row)
    const changed = this.#set(node, before, onReport(before, report, nowMs, terms), nowMs)
    this.#reports.set(node, { report, atMs: nowMs })
    return { answer: { generation: row.config_generation, ...word }, changed }
  }

  /** Judges those that are silent. @returns whether any phase changed */
  sweep(nowMs: number): boolean {
    let changed = false
    const terms = this.#terms()
    for (const [node, before] of this.#known) {
      const row = this.#store.node(node)
      if (row === undefined || row.deleted_ms !== null) {
        this.#known.delete(node)
        this.#reports.delete(node)
        continue
      }
      // Heard in the future: the clock was set back, and its silence counts from now.
      if (before.heardMs > nowMs) this.#known.set(node, { ...before, heardMs: nowMs })
      const after = onSilence(before, nowMs, terms)
      if (after !== before) changed = this.#set(node, before, after, nowMs) || changed
    }
    return changed
  }

  /** When {@link sweep} has to run next, ms. */
  dueMs(): number | undefined {
    let dueMs: number | undefined
    const terms = this.#terms()
    for (const health of this.#known.values()) {
      const due = silenceDueMs(health, terms)
      if (due !== undefined && (dueMs === undefined || due < dueMs)) dueMs = due
    }
    return dueMs
  }

  /** The last report of a node since this object started, and when it came. */
  lastReport(node: string): { readonly report: NodeReport; readonly atMs: number } | undefined {
    return this.#reports.get(node)
  }

  /** The more nodes report, the less often each does: about twenty reports a second in all. */
  #terms(): HealthTerms {
    const intervalMs = Math.max(this.#leastIntervalMs, this.#known.size * MS_PER_REPORT)
    return { ...HEALTH_TERMS, intervalMs }
  }

  #set(node: string, before: NodeHealth, after: NodeHealth, nowMs: number): boolean {
    this.#known.set(node, after)
    if (before.phase === after.phase && before.reason === after.reason) return false
    return this.#store.transaction(() => {
      this.#store.run('UPDATE nodes SET health = ? WHERE name = ?', JSON.stringify(after), node)
      if (before.phase === after.phase) return false
      const type = after.phase === 'Ready' ? 'normal' : 'warning'
      const message = `${before.phase} → ${after.phase}: ${after.message}`
      record(this.#store, { kind: 'Node', name: node, type, reason: after.phase, message }, nowMs)
      if (before.phase === 'Failed') this.#store.wakeTroubled()
      return true
    })
  }
}
