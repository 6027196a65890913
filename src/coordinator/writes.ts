import type {
  ApplyReport,
  NodeMark,
  NodeView,
  ObjectKind,
  WriteFault,
  WriteOptions,
  WriteResult,
} from '../core/coordinator-api.ts'
import { err, ok } from '../core/result.ts'
import { reportOf, revisionFault } from './apply.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'
import { deleteNode, deleteTenant } from './remove.ts'
import { nodeView } from './views.ts'

/** How long outcomes are kept for repeated writes, ms, and how many. */
export const OUTCOMES = { keepMs: 86_400_000, keep: 10_000 } as const

/** Ends a transaction without keeping anything of it. */
class RolledBack<T> extends Error {
  readonly outcome: WriteResult<T>
  constructor(outcome: WriteResult<T>) {
    super('rolled back')
    this.outcome = outcome
  }
}

/**
 * Runs a write in one transaction, together with what it says in the journal and with the memory of its
 * idempotency key: a refused one, and with `discard` any, leaves no trace; a repeated one gives the first outcome.
 */
export function write<T>(
  store: CoordinatorStore,
  options: WriteOptions & { readonly dryRun?: boolean },
  nowMs: number,
  work: () => WriteResult<T>,
): WriteResult<T> {
  try {
    return store.transaction(() => {
      const known = options.dryRun === true ? undefined : recall<T>(store, options)
      if (known !== undefined) return known
      const outcome = work()
      if (!outcome.ok || options.dryRun === true) throw new RolledBack(outcome)
      remember(store, options, outcome, nowMs)
      return outcome
    })
  } catch (error) {
    if (error instanceof RolledBack) return error.outcome as WriteResult<T>
    throw error
  }
}

function recall<T>(store: CoordinatorStore, { idempotency }: WriteOptions): WriteResult<T> | undefined {
  if (idempotency === undefined) return undefined
  const [row] = store.all<{ fingerprint: string; outcome: string }>(
    'SELECT fingerprint, outcome FROM outcomes WHERE key = ?',
    idempotency.key,
  )
  if (row === undefined) return undefined
  if (row.fingerprint === idempotency.fingerprint) return JSON.parse(row.outcome) as WriteResult<T>
  const message = 'the idempotency key was used for another request; take a new one'
  return err([{ code: 'conflict', message }])
}

function remember<T>(
  store: CoordinatorStore,
  { idempotency }: WriteOptions,
  outcome: WriteResult<T>,
  nowMs: number,
): void {
  if (idempotency === undefined) return
  const { key, fingerprint } = idempotency
  store.run('INSERT INTO outcomes VALUES (?, ?, ?, ?)', key, fingerprint, JSON.stringify(outcome), nowMs)
  store.run('DELETE FROM outcomes WHERE at_ms < ?', nowMs - OUTCOMES.keepMs)
  store.run(
    'DELETE FROM outcomes WHERE key IN (SELECT key FROM outcomes ORDER BY at_ms DESC LIMIT -1 OFFSET ?)',
    OUTCOMES.keep,
  )
}

function notFound(kind: ObjectKind, name: string): { ok: false; error: WriteFault[] } {
  return err([{ code: 'not-found', kind, name, message: `there is no ${kind.toLowerCase()} ${name}` }])
}

/** Deletes a node without tenants, or a tenant. */
export function removeObject(
  store: CoordinatorStore,
  kind: ObjectKind,
  name: string,
  options: WriteOptions,
  nowMs: number,
): WriteResult<ApplyReport> {
  const row = kind === 'Node' ? store.node(name) : store.tenant(name)
  if (row === undefined || ('deleted_ms' in row && row.deleted_ms !== null)) return notFound(kind, name)
  const stale = revisionFault(store, kind, name, options.ifRevision)
  if (stale !== undefined) return err([stale])
  const revision = store.nextRevision()
  const message =
    kind === 'Tenant' ? deleteTenant(store, name, revision) : deleteNode(store, name, revision, nowMs)
  if (message !== undefined) return err([{ code: 'in-use', kind, name, message }])
  record(store, { kind, name, reason: 'Deleted', message: 'by request', actor: options.actor }, nowMs)
  return ok(reportOf(revision, [{ kind, name, action: 'deleted' }], 0))
}

const MARKS = {
  cordon: { reason: 'Cordoned', message: 'takes no new tenants' },
  uncordon: { reason: 'Uncordoned', message: 'takes tenants again' },
  drain: { reason: 'Draining', message: 'takes no new tenants, and those on it are to leave' },
} as const

/** Cordons or drains a node, or ends both. Marks outlive every `apply`; doing it again changes nothing. */
export function markNode(
  store: CoordinatorStore,
  name: string,
  mark: NodeMark,
  options: WriteOptions,
  nowMs: number,
): WriteResult<NodeView> {
  const row = store.node(name)
  if (row === undefined || row.deleted_ms !== null) return notFound('Node', name)
  const stale = revisionFault(store, 'Node', name, options.ifRevision)
  if (stale !== undefined) return err([stale])
  if (mark === 'uncordon' && row.cordoned === 1) {
    const message = 'its manifest says cordoned: true; apply one that does not'
    return err([{ code: 'conflict', kind: 'Node', name, message }])
  }
  const cordonMs = mark === 'uncordon' ? null : (row.cordon_ms ?? nowMs)
  const drainMs = mark === 'drain' ? (row.drain_ms ?? nowMs) : mark === 'uncordon' ? null : row.drain_ms
  if (cordonMs !== row.cordon_ms || drainMs !== row.drain_ms) {
    store.run(
      'UPDATE nodes SET cordon_ms = ?, drain_ms = ?, revision = ? WHERE name = ?',
      cordonMs,
      drainMs,
      store.nextRevision(),
      name,
    )
    record(store, { kind: 'Node', name, ...MARKS[mark], actor: options.actor }, nowMs)
    if (mark === 'uncordon') store.wakeTroubled()
  }
  return ok(nodeView(store, store.node(name)!))
}
