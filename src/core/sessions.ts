import type { Account } from './account.ts'
import { type HandedIn, type Inherited, isInherited, startOf } from './late-usage.ts'
import type { Ledger } from './ledger.ts'
import {
  type AccountGrant,
  type AccountReport,
  type LeaseReply,
  type LeaseRequest,
  MESSAGE_VERSION,
  type Moved,
} from './messages.ts'
import { joinLives, type PastLife } from './past-lives.ts'
import { DEFAULT_DEVICE } from './placed.ts'
import { type Desk, KEEP_LAPSED_MS, type Session } from './session.ts'
import { SteadyClock } from './steady-clock.ts'
import { Tenancy, type TenantAccount, type TenantRow } from './tenancy.ts'

export type { TenantAccount, TenantRow }

/** What the sessions of one life of a node need. */
export interface SessionsOptions {
  readonly ledger: Ledger
  /** Unique to this life of this node: ids of sessions begin with it. */
  readonly life: string
  readonly nowMs: number
  /** Lives before this one whose sessions may be unknown because they were opened after the last write. */
  readonly pastLives?: readonly PastLife[] | undefined
}

/** Requests a session may be ahead of its lease while a message is in flight. */
const CREDIT_REQUESTS = 4
/** A lease may be used for so many rounds after the edge asked for it. */
const LEASE_ROUNDS = 2
/**
 * An account that keeps to its base may be measured to want up to so many: what waits at one edge counts beside what
 * others were granted ahead.
 */
const INSIDE_BASE = 3 / 2
/** Passed-over nodes kept of an account that moves on before {@link Tenancy.sweep} no longer needs their names. */
const KEEP_INHERITED = 64

/**
 * The node's side of leases: turns reports into bookings and grants. Pure; the node object persists
 * {@link takeChanged} once a round before the round's first answer leaves.
 */
export class Sessions {
  readonly ledger: Ledger
  readonly #life: string
  readonly #tenancies = new Map<string, Tenancy>()
  /** As given, until traces this life began with may be gone: then an unknown session may have been booked before. */
  pastLives: readonly PastLife[]
  #opened = 0
  readonly #clock: SteadyClock
  #steadyMs = 0
  #sweptAtMs = 0
  #mustSave = false

  constructor(options: SessionsOptions) {
    this.ledger = options.ledger
    this.#life = options.life
    this.pastLives = options.pastLives ?? []
    this.#clock = new SteadyClock(options.nowMs)
  }

  get leaseTtlMs(): number {
    return LEASE_ROUNDS * this.ledger.roundMs
  }
  /** Silence after which a grant is presumed spent: later than any edge stops, whose clock may run slow. */
  get silenceMs(): number {
    return Math.ceil((this.leaseTtlMs * 9) / 8)
  }
  /** Sessions opened in this life; what a write must remember beside the rows. */
  get opened(): number {
    return this.#opened
  }
  get tenants(): Iterable<string> {
    return this.#tenancies.keys()
  }
  /**
   * A report of a session that was over has been booked: with the answer the edge forgets those totals, so
   * they must be saved before it leaves, whatever the round.
   */
  get mustSave(): boolean {
    return this.#mustSave
  }

  /**
   * Opens a tenant's account or changes its settings, its devices' likewise.
   *
   * @throws LedgerSettingsError when it does not fit; then nothing was changed.
   */
  open(account: TenantAccount): void {
    const tenancy = this.#tenancies.get(account.tenant)
    if (tenancy !== undefined) tenancy.configure(account, this.#steadyMs)
    else this.#tenancies.set(account.tenant, new Tenancy(this.ledger, account))
  }

  /** Closes a tenant's account. @returns what must move or be kept of it. */
  close(tenant: string): TenantRow | undefined {
    const tenancy = this.#tenancies.get(tenant)
    if (tenancy === undefined) return undefined
    const row = this.#movingRow(tenancy)
    this.#tenancies.delete(tenant)
    this.ledger.close(tenancy.account)
    return row
  }

  /** Takes over what survived a restart; the tenant has been opened. */
  restore(row: TenantRow, nowMs: number): void {
    this.#advance(nowMs)
    this.#tenancies.get(row.tenant)?.restore(row, this.#steadyMs)
  }

  /** Takes over what moved here from another node; the tenant has been opened. */
  resume(row: TenantRow, nowMs: number): void {
    this.#advance(nowMs)
    const tenancy = this.#tenancies.get(row.tenant)
    if (tenancy === undefined) return
    tenancy.resume(row, this.#steadyMs, this.silenceMs)
    // Home again at a node that was passed over: what it had opened before may not be booked yet.
    const { node, ...until } = startOf(`${this.#life}.${this.#opened}`)
    const bounded = (each: Inherited) => (each.node === node ? { until, ...each } : each)
    tenancy.inherited = tenancy.inherited.slice(-KEEP_INHERITED).map(bounded)
  }

  /** Books, once, what a node that was passed over has handed in; the tenant has been opened. */
  settle(handedIn: HandedIn, nowMs: number): void {
    this.#advance(nowMs)
    this.#tenancies.get(handedIn.to.tenant)?.settle(handedIn, this.#steadyMs)
  }

  /** Epoch of a tenant's placement here; 0 for none. */
  epoch(tenant: string): number {
    return this.#tenancies.get(tenant)?.epoch ?? 0
  }

  /** A tenant's account in the ledger, its devices' spends included. */
  account(tenant: string): Account | undefined {
    return this.#tenancies.get(tenant)?.account
  }

  /** A tenant's desk or a device's, for reading usage and state; without a device, what names none. */
  desk(tenant: string, device?: string): Desk | undefined {
    const tenancy = this.#tenancies.get(tenant)
    if (device === undefined || device === DEFAULT_DEVICE) return tenancy?.desk
    return tenancy?.devices.get(device)
  }

  /** The names of a tenant's devices; empty without any. */
  devices(tenant: string): string[] {
    return this.#tenancies.get(tenant)?.deviceNames() ?? []
  }

  /** Every tenant's row. */
  rows(): TenantRow[] {
    return Array.from(this.#tenancies.values(), (tenancy) => tenancy.toRow())
  }

  /** The rows that changed since they were last taken; the caller saves them. */
  takeChanged(): TenantRow[] {
    this.#mustSave = false
    const rows: TenantRow[] = []
    for (const tenancy of this.#tenancies.values()) {
      const row = tenancy.takeChanged()
      if (row !== undefined) rows.push(row)
    }
    return rows
  }

  /** One tenant's row, as it would move to another node. */
  row(tenant: string): TenantRow | undefined {
    const tenancy = this.#tenancies.get(tenant)
    return tenancy === undefined ? undefined : this.#movingRow(tenancy)
  }

  /**
   * A tenant's row with the past lives of this node: a session that was opened after the last write of one may
   * be reported for the first time when the tenant lives elsewhere.
   */
  #movingRow(tenancy: Tenancy): TenantRow {
    const row = tenancy.toRow()
    const pastLives = joinLives(tenancy.pastLives, this.pastLives)
    return pastLives.length === 0 ? row : { ...row, pastLives }
  }

  /** Answers one message: first every report is booked, then every want is granted. */
  answer(request: LeaseRequest, nowMs: number): LeaseReply {
    this.#advance(nowMs)
    if (this.#steadyMs - this.#sweptAtMs >= this.ledger.roundMs / 4) this.sweep(nowMs)
    const found = request.accounts.map((report) => this.#book(request.edge, report, nowMs))
    const accounts = request.accounts.map((report, i) => {
      const { desk, session, epoch } = found[i]!
      if (desk === undefined) return { tenant: report.tenant, moved: { epoch } } satisfies Moved
      return this.#grant(report, desk, session, epoch, nowMs)
    })
    return { version: MESSAGE_VERSION, accounts }
  }

  #book(edge: string, report: AccountReport, nowMs: number) {
    const tenancy = this.#tenancies.get(report.tenant)
    if (tenancy === undefined) return { desk: undefined, session: undefined!, epoch: 0 }
    const desk = tenancy.deskOf(report.device)
    tenancy.changed = true
    const session = desk.sessions.get(report.session)
    if (session !== undefined) {
      session.lapsesAtMs = this.#steadyMs + this.silenceMs
      this.#charge(desk, desk.report(session, report), nowMs)
      return { desk, session, epoch: tenancy.epoch }
    }
    const lapsed = desk.lapsed.get(report.session) ?? this.#adopt(tenancy, desk, report.session)
    if (lapsed !== undefined) {
      this.#charge(desk, desk.reportLate(lapsed, report), nowMs)
      this.#mustSave = true
    }
    const live = desk.ofEdge(edge) ?? desk.open(this.#nextId(), edge, this.#steadyMs, this.silenceMs)
    live.lapsesAtMs = this.#steadyMs + this.silenceMs
    return { desk, session: live, epoch: tenancy.epoch }
  }

  /**
   * A session that is unknown, but not yet booked: this node handed it out after its last write before a restart,
   * or a node the tenant was taken over from did so after the state the takeover began with.
   */
  #adopt(tenancy: Tenancy, desk: Desk, id: string) {
    const at = startOf(id)
    const inherited = isInherited(tenancy.inherited, at)
    const isPast = ({ life, covered }: PastLife) => life === `${at.node}:${at.life}` && at.opened >= covered
    if (inherited || [...this.pastLives, ...tenancy.pastLives].some(isPast))
      return desk.adopt(id, this.#steadyMs, inherited)
  }

  #charge(desk: Desk, due: { overdraft: number; demand: number }, nowMs: number): void {
    if (due.demand > 0) this.ledger.demand(desk.account, due.demand, nowMs)
    if (due.overdraft > 0) this.ledger.charge(desk.account, due.overdraft, nowMs)
  }

  #grant(report: AccountReport, desk: Desk, session: Session, epoch: number, nowMs: number): AccountGrant {
    const ledger = this.ledger
    const account = desk.account
    // A report under another session than the live one is late: what it holds is not known here.
    const used = report.session === session.id ? report.used : session.totals.used
    const held = session.granted - used
    const want = this.#wanted(report, desk, held, nowMs)
    const missing = Math.max(0, want - held)
    // What waits, or half a horizon of measured demand; a prefetch cut shorter is no refusal.
    const needed = Math.max(0, Math.max(report.waiting, Math.floor(want / 2)) - held)
    const borrowedBefore = account.borrowedTotal
    const granted =
      missing === 0 ? 0 : ledger.lease(account, missing, needed, Math.max(0, report.first - held), nowMs)
    session.granted += granted
    session.borrowed += account.borrowedTotal - borrowedBefore
    desk.lendCredit(session, CREDIT_REQUESTS * Math.max(report.first, COST_OF_ONE))
    const cutShort = granted < missing
    return {
      tenant: report.tenant,
      ...(report.device === undefined ? {} : { device: report.device }),
      epoch,
      session: session.id,
      granted: session.granted,
      borrowed: session.borrowed,
      credit: session.credit,
      ttlMs: this.leaseTtlMs,
      ...(cutShort ? { retryAfterMs: ledger.retryAfterMs(account, report.first, nowMs) } : {}),
      edges: desk.sessions.size,
      balance: account.ownTokens,
      baseTokens: account.baseTokens,
      roundMs: ledger.roundMs,
    }
  }

  /**
   * What an edge is to hold: what waits and as much ahead as it would like. A tenant inside its base is granted ahead
   * at most the edge's part of what is left, or the last of its base would lie in leases of edges that do not need it
   * while others are refused. Once the round is due there is a new one for whoever goes short.
   */
  #wanted(
    { want, waiting }: AccountReport,
    { account, sessions }: Desk,
    held: number,
    nowMs: number,
  ): number {
    const own = account.ownTokens
    const inside = own > 0 && account.demandTokens <= INSIDE_BASE * account.baseTokens
    if (!inside || nowMs >= this.ledger.dueAtMs) return want
    return Math.max(waiting, Math.min(want, held + Math.floor(own / sessions.size)))
  }

  #nextId(): string {
    return `${this.#life}.${this.#opened++}`
  }

  /** Lapses the sessions that were not heard of in time and forgets what lapsed long ago. */
  sweep(nowMs: number): void {
    this.#advance(nowMs)
    this.#sweptAtMs = this.#steadyMs
    if (this.#steadyMs > KEEP_LAPSED_MS) this.pastLives = []
    for (const tenancy of this.#tenancies.values()) tenancy.sweep(this.#steadyMs)
  }

  /** Sessions are timed by a clock that cannot be set: an hour's step must neither lapse nor keep them all. */
  #advance(nowMs: number): void {
    this.#steadyMs = this.#clock.read(nowMs, 2 * this.silenceMs)
  }
}

/** The cost of a request without any rule, micro-tokens. */
const COST_OF_ONE = 1_000_000
