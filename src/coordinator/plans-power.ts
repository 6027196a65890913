import { hookWaitMs } from '../core/hook.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import type { PlacementSettings, PowerPhase } from '../core/placement.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'
import { callHook, type HookAnswer, type HookTerms } from './plans-hook.ts'
import { DEFAULT_WAKE_MS } from './plans-input.ts'
import { healthOf } from './views.ts'

/** A row of `power`; a node without one is up. */
export type PowerRow = {
  node: string
  phase: string
  since_ms: number
  /** Number of the command the hook is told; 0 before there is one. */
  hook_id: number
  /** When the hook answered; null until then. */
  answered_ms: number | null
  attempts: number
  /** When the next step is due: a call, or the end of waking. */
  due_ms: number
  error: string | null
}

/** Whether tenants live on a node (`owns`), something still passes through it (`busy`), or neither. */
export type Occupancy = 'owns' | 'busy' | 'free'

/** How often a node that should be awake is looked at until it is well, ms. */
const LOOK_AGAIN_MS = 1_000

/**
 * Which machines are on. A node goes up → draining → falling → standby → waking → up. Everything is durable
 * before the hook is told, and the hook is told again until it answers; a later command has a higher number.
 */
export class Power {
  readonly #store: CoordinatorStore
  readonly #terms: HookTerms
  /** What is on a node now. */
  readonly occupancy: (node: string) => Occupancy

  /** @param occupancy what is on a node, as of now: only a free one is put to standby */
  constructor(store: CoordinatorStore, terms: HookTerms, occupancy: (node: string) => Occupancy) {
    this.#store = store
    this.#terms = terms
    this.occupancy = occupancy
  }

  row(node: string): PowerRow | undefined {
    return this.#store.all<PowerRow>('SELECT * FROM power WHERE node = ?', node)[0]
  }

  /** All nodes that are not simply up. */
  rows(): Map<string, PowerRow> {
    return new Map(this.#store.all<PowerRow>('SELECT * FROM power').map((row) => [row.node, row]))
  }

  phaseOf(node: string): PowerPhase {
    return (this.row(node)?.phase as PowerPhase | undefined) ?? 'up'
  }

  /** Lets no new tenants onto a node that is to sleep. */
  drain(node: string, nowMs: number): void {
    if (this.row(node) !== undefined) return
    this.#put(node, 'draining', nowMs, 0)
    this.#say(node, 'Draining', 'takes no new tenants; it is to sleep once those on it have left', nowMs)
  }

  /** Ends {@link drain}. */
  stay(node: string, nowMs: number, why: string): void {
    if (this.phaseOf(node) !== 'draining') return
    this.#up(node)
    this.#say(node, 'Staying', `stays up: ${why}`, nowMs)
  }

  /** Puts an empty node to standby: the hook is told until it answers. */
  sleep(node: string, nowMs: number): void {
    const phase = this.phaseOf(node)
    if ((phase !== 'up' && phase !== 'draining') || this.occupancy(node) !== 'free') return
    this.#put(node, 'falling', nowMs, this.#nextId())
    this.#say(node, 'Falling', 'is empty; its hook is told to put it to standby', nowMs)
  }

  /** Wakes a node: the hook is told until it answers. */
  wake(node: string, nowMs: number): void {
    const phase = this.phaseOf(node)
    if (phase !== 'standby' && phase !== 'falling') return
    this.#put(node, 'waking', nowMs, this.#nextId())
    this.#say(node, 'Waking', 'its hook is told to wake it', nowMs)
  }

  /** When the next call or look is due, ms. */
  dueMs(): number | undefined {
    const [row] = this.#store.all<{ due: number | null }>(
      `SELECT MIN(due_ms) AS due FROM power WHERE phase IN ('falling', 'waking')`,
    )
    return row?.due ?? undefined
  }

  /** Makes the calls that are due and ends what has come to its end. @returns nodes that have woken */
  async advance(hook: PlacementSettings['hook']): Promise<string[]> {
    const due = this.#store.all<PowerRow>(
      `SELECT * FROM power WHERE phase IN ('falling', 'waking') AND due_ms <= ? ORDER BY due_ms, node LIMIT 32`,
      Date.now(),
    )
    const woken = await Promise.all(due.map((row) => this.#step(row, hook)))
    return due.filter((_, index) => woken[index] === true).map(({ node }) => node)
  }

  async #step(row: PowerRow, hook: PlacementSettings['hook']): Promise<boolean> {
    const { node } = row
    if (this.#store.node(node) === undefined) {
      this.#up(node)
      return false
    }
    if (row.answered_ms !== null) return this.#endWaking(row, Date.now())
    if (row.phase === 'falling' && this.occupancy(node) !== 'free') {
      // Something came between; the machine may have been told, so it is told to wake.
      if (row.attempts > 0) this.wake(node, Date.now())
      else {
        this.#up(node)
        this.#say(node, 'Staying', 'stays up: it is not empty', Date.now())
      }
      return false
    }
    const zone = this.#store.node(node)!.zone
    const action = row.phase === 'falling' ? ('standby' as const) : ('wake' as const)
    this.#store.run('UPDATE power SET attempts = attempts + 1 WHERE node = ?', node)
    const answer = await callHook(hook, this.#terms, { id: row.hook_id, action, node, zone }, Date.now())
    // Meanwhile another command may have been given; then this answer is about the past.
    if (this.row(node)?.hook_id !== row.hook_id) return false
    if (!answer.ok) this.#unanswered(row, answer.error, Date.now())
    else this.#answered(row, answer.value, Date.now())
    return false
  }

  #unanswered(row: PowerRow, error: string, nowMs: number): void {
    const attempts = row.attempts + 1
    const dueMs = nowMs + hookWaitMs(attempts)
    const text = error.slice(0, 200)
    this.#store.run('UPDATE power SET due_ms = ?, error = ? WHERE node = ?', dueMs, text, row.node)
    if (attempts !== 1) return
    const message = `the hook did not answer and is asked again: ${text}`
    record(
      this.#store,
      { kind: 'Node', name: row.node, type: 'warning', reason: 'HookFailed', message },
      nowMs,
    )
  }

  #answered(row: PowerRow, answer: HookAnswer, nowMs: number): void {
    if (row.phase === 'falling') {
      this.#put(row.node, 'standby', nowMs, row.hook_id)
      this.#say(row.node, 'Standby', 'sleeps and takes no tenants until it is awake', nowMs)
      return
    }
    const { spec } = JSON.parse(this.#store.node(row.node)!.manifest) as NodeManifest
    const readyMs = nowMs + (answer === 'now' ? 0 : (spec.wakeMs ?? DEFAULT_WAKE_MS))
    const query = 'UPDATE power SET answered_ms = ?, due_ms = ?, error = NULL WHERE node = ?'
    this.#store.run(query, nowMs, readyMs, row.node)
  }

  /** A machine that was told to wake is up once its time has passed and nothing says that it is not well. */
  #endWaking(row: PowerRow, nowMs: number): boolean {
    const { phase } = healthOf(this.#store.node(row.node)!)
    if (phase === 'Failed') {
      this.#store.run('UPDATE power SET due_ms = ? WHERE node = ?', nowMs + LOOK_AGAIN_MS, row.node)
      return false
    }
    this.#up(row.node)
    this.#store.wakeTroubled()
    this.#say(row.node, 'Awake', 'is awake and takes tenants', nowMs)
    return true
  }

  #put(node: string, phase: PowerPhase, nowMs: number, hookId: number): void {
    this.#store.run(
      'INSERT OR REPLACE INTO power (node, phase, since_ms, hook_id) VALUES (?, ?, ?, ?)',
      node,
      phase,
      nowMs,
      hookId,
    )
  }

  #up(node: string): void {
    this.#store.run('DELETE FROM power WHERE node = ?', node)
  }

  #nextId(): number {
    const id = this.#store.number('hook') + 1
    this.#store.setNumber('hook', id)
    return id
  }

  #say(name: string, reason: string, message: string, nowMs: number): void {
    record(this.#store, { kind: 'Node', name, reason, message }, nowMs)
  }
}
