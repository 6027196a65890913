import type { EventKind, EventQuery, JournalEvent } from '../core/coordinator-api.ts'
import type { CoordinatorStore } from './coordinator-store.ts'

/** What {@link record} is told. */
export interface NewEvent extends Omit<JournalEvent, 'seq' | 'atMs' | 'type' | 'actor'> {
  readonly type?: JournalEvent['type']
  readonly actor?: string | undefined
}

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
  const values: SqlStorageValue[] = [query.after ?? 0]
  for (const column of ['kind', 'name'] as const) {
    const value = query[column]
    if (value === undefined) continue
    where.push(`${column} = ?`)
    values.push(value)
  }
  const order = query.after === undefined ? 'DESC' : 'ASC'
  const rows = store.all<EventRow>(
    `SELECT * FROM events WHERE ${where.join(' AND ')} ORDER BY seq ${order} LIMIT ?`,
    ...values,
    query.limit,
  )
  if (query.after === undefined) rows.reverse()
  return rows.map((row) => {
    const event = {
      seq: row.seq,
      atMs: row.at_ms,
      kind: row.kind as EventKind,
      name: row.name,
      type: row.type as JournalEvent['type'],
      reason: row.reason,
      message: row.message,
    }
    return row.actor === null ? event : { ...event, actor: row.actor }
  })
}
