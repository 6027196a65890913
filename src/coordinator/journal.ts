import type { CoordinatorStore } from './coordinator-store.ts'

/** What an event is about. */
export type Subject = 'Node' | 'Tenant' | 'Token' | 'Signal' | 'Apply'

/** One entry of the journal. */
export interface JournalEvent {
  /** Grows by at least one per event; events are read from one on. */
  readonly seq: number
  readonly atMs: number
  readonly kind: Subject
  readonly name: string
  readonly type: 'normal' | 'warning'
  /** One word for programs, such as `Placed`. */
  readonly reason: string
  /** One sentence for people. About a tenant it never names another tenant. */
  readonly message: string
  /** Who asked for it; absent for what the coordinator does by itself. */
  readonly actor?: string
}

/** What {@link record} is told. */
export type NewEvent = Omit<JournalEvent, 'seq' | 'atMs' | 'type'> & { readonly type?: JournalEvent['type'] }

/** Events kept; the oldest go first. */
export const MAX_EVENTS = 100_000

/** Writes an event. Belongs into the transaction of what it tells. */
export function record(store: CoordinatorStore, event: NewEvent, nowMs: number): void {
  store.run(
    'INSERT INTO events (at_ms, kind, name, type, reason, message, actor) VALUES (?, ?, ?, ?, ?, ?, ?)',
    nowMs,
    event.kind,
    event.name,
    event.type ?? 'normal',
    event.reason,
    event.message,
    event.actor ?? null,
  )
}

/** Forgets the oldest events beyond {@link MAX_EVENTS}. */
export function trimJournal(store: CoordinatorStore, keep: number = MAX_EVENTS): void {
  store.run('DELETE FROM events WHERE seq <= (SELECT MAX(seq) FROM events) - ?', keep)
}

/** Which events to read. */
export interface EventQuery {
  /** Only later ones than this `seq`. */
  readonly after: number
  readonly limit: number
  readonly kind?: Subject
  readonly name?: string
}

type EventRow = {
  seq: number
  at_ms: number
  kind: string
  name: string
  type: string
  reason: string
  message: string
  actor: string | null
}

/** Reads events in order, oldest first. */
export function readEvents(store: CoordinatorStore, query: EventQuery): JournalEvent[] {
  const where = ['seq > ?']
  const values: SqlStorageValue[] = [query.after]
  for (const column of ['kind', 'name'] as const) {
    const value = query[column]
    if (value === undefined) continue
    where.push(`${column} = ?`)
    values.push(value)
  }
  const rows = store.all<EventRow>(
    `SELECT * FROM events WHERE ${where.join(' AND ')} ORDER BY seq LIMIT ?`,
    ...values,
    query.limit,
  )
  return rows.map((row) => {
    const event = {
      seq: row.seq,
      atMs: row.at_ms,
      kind: row.kind as Subject,
      name: row.name,
      type: row.type as JournalEvent['type'],
      reason: row.reason,
      message: row.message,
    }
    return row.actor === null ? event : { ...event, actor: row.actor }
  })
}
