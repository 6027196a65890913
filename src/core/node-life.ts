import { startOf } from './late-usage.ts'
import { Ledger } from './ledger.ts'
import type { LeaseReply, LeaseRequest } from './messages.ts'
import { joinLives, type PastLife } from './past-lives.ts'
import { Sessions, type TenantAccount, type TenantRow } from './sessions.ts'

export type { PastLife }

/** The node's own row. Plain data. */
export interface NodeRow {
  /** Starts of this node so far, 1 for the first. */
  readonly epoch: number
  /** Sessions opened in this life when the row was written. */
  readonly opened: number
  /** The lives before this one whose sessions may still be reported, oldest first. */
  readonly pastLives: readonly PastLife[]
  /** When the round that was running began, on the node's clock. */
  readonly roundStartedAtMs: number
  /** When the row was written: after one round more nothing can have been granted without another write. */
  readonly writtenAtMs?: number
  /** Micro-tokens a round may hand out, and how long it lasts. */
  readonly roundTokens: number
  readonly roundMs: number
}

/** A tenant's row: its settings, so that a restarted node serves at once, and what it owes and has used. */
export interface TenantRecord {
  readonly account: TenantAccount
  readonly row: TenantRow
}

/** What one transaction must write: the node's row whole, of the tenants only those that changed. */
export interface NodeWrite {
  readonly node: NodeRow
  readonly tenants: readonly TenantRecord[]
  /** Tenants that were closed: their rows go. */
  readonly gone: readonly string[]
}

/** What a life of a node begins with. */
export interface NodeLifeOptions {
  /** Name of the node: ids of sessions begin with it, so that they stay unique when a tenant moves. */
  readonly node: string
  /** For a node that has no row yet, or to change what the row says (a new `roundMs` needs a new life). */
  readonly roundTokens?: number
  readonly roundMs?: number
  /** What storage holds; nothing on the very first start. */
  readonly stored?: { readonly node: NodeRow; readonly tenants: Iterable<TenantRecord> }
  readonly nowMs: number
}

/** A message shows that a later life of this node is running: this one is over and must not answer. */
export class StaleLifeError extends Error {
  override readonly name = 'StaleLifeError'
}

/**
 * One life of a node, from the start of its object to its end: the ledger, its sessions, and what must be
 * durable when. Pure; the node object and the simulator drive it alike:
 *
 * ```ts
 * constructor(ctx) {
 *   const nowMs = Date.now()
 *   life = new NodeLife({ node, roundTokens, roundMs, stored: store.read(), nowMs })
 *   store.transaction(() => store.write(life.firstWrite))        // epoch + 1, before anything else
 * }
 * lease(request) {
 *   const { reply, write } = life.handle(request, Date.now())
 *   if (write) store.transaction(() => store.write(write))       // synchronous, before the reply leaves
 *   return reply
 * }
 * configure(…) { life.open(tenant); life.close(name); life.resize(q); write(life.flush(Date.now())) }
 * alarm()      { write(life.flush(Date.now())) }
 * ```
 *
 * What a call returned to be written is not returned again: when a write fails the life is over, and the
 * object must be made anew from what storage holds. No reply may leave before the last write is durable
 * (the platform's output gate sees to that).
 */
export class NodeLife {
  readonly epoch: number
  readonly ledger: Ledger
  readonly sessions: Sessions
  /** To be written before the first answer, and before anything else. */
  readonly firstWrite: NodeWrite
  readonly #node: string
  readonly #settings = new Map<string, TenantAccount>()
  #gone: string[] = []
  #writtenRound: number
  #writtenAtMs: number

  /** @throws LedgerSettingsError when the stored tenants do not fit into a changed `roundTokens`. */
  constructor({ node, stored, nowMs, ...wanted }: NodeLifeOptions) {
    const before = stored?.node
    const roundTokens = wanted.roundTokens ?? before?.roundTokens
    const roundMs = wanted.roundMs ?? before?.roundMs
    if (roundTokens === undefined || roundMs === undefined) {
      throw new RangeError('a node without a row needs roundTokens and roundMs')
    }
    this.#node = node
    this.epoch = (before?.epoch ?? 0) + 1
    const afterRestart = before !== undefined && !wasSilent(before, nowMs)
    this.ledger = new Ledger({ roundTokens, roundMs, nowMs, afterRestart })
    const last = before && [{ life: lifeId(node, before.epoch), covered: before.opened }]
    const pastLives = last && joinLives(before.pastLives, last)
    this.sessions = new Sessions({ ledger: this.ledger, life: lifeId(node, this.epoch), nowMs, pastLives })
    for (const { account, row } of stored?.tenants ?? []) {
      this.open(account)
      this.sessions.restore(row, nowMs)
    }
    this.sessions.takeChanged() // what was restored is durable as it is
    this.#writtenRound = this.ledger.roundNumber
    this.#writtenAtMs = nowMs
    this.firstWrite = this.#write(nowMs)
  }

  /**
   * Answers one message.
   *
   * @returns the reply, and what must be durable before it leaves: once a round before the round's first
   *   answer, and whenever the edge will forget totals on the strength of the reply.
   * @throws StaleLifeError when the message names a session of a later life: its totals cannot be booked
   *   here, and the edge would forget them with an answer from this one.
   */
  handle(request: LeaseRequest, nowMs: number): { reply: LeaseReply; write?: NodeWrite } {
    for (const { session } of request.accounts) this.#checkNotLater(session)
    const reply = this.sessions.answer(request, nowMs)
    if (!this.#writeDue(nowMs)) return { reply }
    return { reply, write: this.#write(nowMs) }
  }

  /** Presumes what is overdue and gives everything that is not durable yet. */
  flush(nowMs: number): NodeWrite {
    this.sessions.sweep(nowMs)
    return this.#write(nowMs)
  }

  /** Opens a tenant or changes its settings; {@link flush} makes it durable. @throws LedgerSettingsError */
  open(account: TenantAccount): void {
    this.sessions.open(account)
    // Settings may be older than the placement: those of a configuration that was sent before the tenant came.
    this.#settings.set(account.tenant, { ...account, epoch: this.sessions.epoch(account.tenant) })
    this.#gone = this.#gone.filter((name) => name !== account.tenant)
  }

  /** Opens a tenant that moved here, with what it brought; {@link flush} makes it durable. @throws LedgerSettingsError */
  install(account: TenantAccount, row: TenantRow, nowMs: number): void {
    this.open(account)
    this.sessions.resume(row, nowMs)
  }

  /** Closes a tenant; {@link flush} makes it durable. @returns what moves with it. */
  close(tenant: string): TenantRecord | undefined {
    const account = this.#settings.get(tenant)
    const row = this.sessions.close(tenant)
    if (account === undefined || row === undefined) return undefined
    this.#settings.delete(tenant)
    this.#gone.push(tenant)
    return { account, row }
  }

  /** Changes what a round may hand out; {@link flush} makes it durable. @throws LedgerSettingsError */
  resize(roundTokens: number): void {
    this.ledger.setRoundTokens(roundTokens)
  }

  #checkNotLater(session: string): void {
    const { node, life } = startOf(session)
    if (node !== this.#node || !(life > this.epoch)) return
    throw new StaleLifeError(`session ${session} is of a later life`)
  }

  /** A new round has begun, or, while nobody needs one, its time has passed. */
  #writeDue(nowMs: number): boolean {
    if (this.sessions.mustSave || this.ledger.roundNumber !== this.#writtenRound) return true
    return nowMs < this.#writtenAtMs || nowMs - this.#writtenAtMs >= this.ledger.roundMs
  }

  #write(nowMs: number): NodeWrite {
    this.#writtenRound = this.ledger.roundNumber
    this.#writtenAtMs = nowMs
    const gone = this.#gone
    this.#gone = []
    const tenants = this.sessions.takeChanged().map((row) => ({
      account: this.#settings.get(row.tenant)!,
      row,
    }))
    return { node: this.#nodeRow(nowMs), tenants, gone }
  }

  #nodeRow(writtenAtMs: number): NodeRow {
    return {
      epoch: this.epoch,
      opened: this.sessions.opened,
      pastLives: this.sessions.pastLives,
      roundStartedAtMs: this.ledger.roundStartedAtMs,
      writtenAtMs,
      roundTokens: this.ledger.roundTokens,
      roundMs: this.ledger.roundMs,
    }
  }
}

/**
 * Whether a whole round passed in which an earlier life granted nothing: whatever deficit it left is paid. Its
 * grants are preceded by a write whenever the last one is a round old ({@link NodeLife.handle}).
 */
function wasSilent({ writtenAtMs, roundMs }: NodeRow, nowMs: number): boolean {
  return writtenAtMs !== undefined && nowMs - writtenAtMs >= 2 * roundMs
}

/** Id of a life; a session's id is this, a dot and a number. */
function lifeId(node: string, epoch: number): string {
  return `${node}:${epoch}`
}
