import type { TenantCapsule } from '../core/capsule.ts'
import type { NodeApi } from '../core/control.ts'
import { handedInOf, type RetiredAnswer } from '../core/handed-in.ts'
import type { HandedIn } from '../core/late-usage.ts'
import type { Booking } from '../core/migration/index.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import type { CoordinatorStore, TenantRow } from './coordinator-store.ts'
import { record } from './journal.ts'

/** When an owner that did not book is asked again, ms; and how long it may take. */
const RETRY_MS = 1_000
const ANSWER_MS = 5_000
/** Bookings taken up in one run. */
const BATCH = 64

type Row = { seq: number; tenant: string; node: string; value: string }
type BookingNode = Pick<NodeApi, 'settle'>

/**
 * What nodes that were passed over have handed in, until the owner of the account has booked it and told a state
 * that holds it: a tenant's usage is its owner's plus what stands here. Booked once, in the order it came.
 */
export class LateBookings {
  readonly #store: CoordinatorStore
  readonly #checkpoints: CheckpointStore
  readonly #nodeOf: (name: string) => BookingNode
  /** Those an owner is being told of now. */
  readonly #booking = new Set<number>()

  constructor(store: CoordinatorStore, checkpoints: CheckpointStore, nodeOf: (name: string) => BookingNode) {
    this.#store = store
    this.#checkpoints = checkpoints
    this.#nodeOf = nodeOf
  }

  /** When the next is due; undefined when nothing is left to book. */
  dueMs(): number | undefined {
    const [row] = this.#store.all<{ due: number | null }>('SELECT MIN(due_ms) AS due FROM late_bookings')
    return row?.due ?? undefined
  }

  /** Has owners book what is due. */
  async run(nowMs: number): Promise<void> {
    const rows = this.#store.all<Row>(
      `SELECT seq, tenant, node, value FROM late_bookings WHERE due_ms <= ?1
       AND seq IN (SELECT MIN(seq) FROM late_bookings GROUP BY tenant) ORDER BY seq LIMIT ?2`,
      nowMs,
      BATCH,
    )
    const idle = rows.filter(({ seq }) => !this.#booking.has(seq))
    await Promise.all(idle.map((row) => this.#book(row)))
  }

  async #book(row: Row): Promise<void> {
    this.#booking.add(row.seq)
    try {
      await this.#bookOne(row)
    } finally {
      this.#booking.delete(row.seq)
    }
  }

  async #bookOne({ seq, tenant, node, value }: Row): Promise<void> {
    const owner = this.#store.tenant(tenant)
    if (owner === undefined) {
      this.#store.run('DELETE FROM late_bookings WHERE tenant = ?', tenant)
      return
    }
    const booked = await this.#settle(owner, JSON.parse(value) as HandedIn)
    if (booked === null) {
      this.#store.run('UPDATE late_bookings SET due_ms = ? WHERE seq = ?', Date.now() + RETRY_MS, seq)
      return
    }
    this.#store.transaction(() => {
      this.#checkpoints.record(owner.node!, [booked], Date.now())
      this.#store.run('DELETE FROM late_bookings WHERE seq = ?', seq)
      const message = `booked on ${owner.node} what ${node} had counted before it was passed over`
      record(this.#store, { kind: 'Tenant', name: tenant, reason: 'UsageHandedIn', message }, Date.now())
      return true
    })
  }

  async #settle({ name, node, epoch }: TenantRow, handedIn: HandedIn) {
    if (node === null) return null
    let timer: ReturnType<typeof setTimeout> | null = null
    try {
      const late = new Promise<null>((resolve) => {
        timer = setTimeout(() => resolve(null), ANSWER_MS)
      })
      return await Promise.race([this.#nodeOf(node).settle(name, epoch, handedIn), late])
    } catch (error) {
      console.error(`${node} did not book what was handed in of ${name}:`, error)
      return null
    } finally {
      if (timer !== null) clearTimeout(timer)
    }
  }
}

/** Keeps what a node has handed in; belongs into the transaction in which that was noted. */
export function keepBooking(
  store: CoordinatorStore,
  answer: RetiredAnswer,
  booking: Booking<TenantCapsule> | null,
  nowMs: number,
): void {
  store.run(
    'INSERT INTO late_bookings (tenant, node, due_ms, value) VALUES (?, ?, ?, ?)',
    answer.tenant,
    answer.node,
    nowMs,
    JSON.stringify(handedInOf(answer, booking)),
  )
}
