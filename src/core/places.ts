import type { TenantCapsule } from './capsule.ts'
import type { NodeConfig, PlacedTenant } from './control.ts'
import type { Departure } from './departures.ts'
import { onNodeMessage, sweep } from './migration/node-side.ts'
import type { NodeAnswer, NodeMessage, TenantRow } from './migration/types.ts'
import type { NodeLife } from './node-life.ts'
import { accountOf, fittedInto } from './placed.ts'
import type { TenantRow as AccountRow } from './sessions.ts'

/** How long tombstones are kept: longer than any message can be under way, also where the clock is set ahead by an hour. */
const TOMBSTONE_TTL_MS = 7_200_000

/** What a node knows of one tenant's place. */
export interface Place {
  readonly row: TenantRow<TenantCapsule>
  /** Whether a configuration has named the tenant here since; only then its absence from one means anything. */
  readonly listed: boolean
  /** The tenant as it was installed, until a configuration brings its settings. */
  readonly placed?: PlacedTenant
}

/** What one step of a migration changed, to be written in one transaction before the answer leaves. */
export interface PlaceStep {
  readonly answer: NodeAnswer<TenantCapsule>
  readonly changed: ReadonlyMap<string, Place | null>
}

/** Sessions of a tenant that has left whose edges have not been passed on since, and when it left. */
interface Leaving {
  readonly sessions: Set<string>
  sinceMs: number
}

/**
 * Which tenants live on a node, come, leave or have left. Decides with the pure protocol of
 * `core/migration` and opens or closes the accounts of the life it is given.
 */
export class Places {
  readonly #node: string
  readonly #places: Map<string, Place>
  readonly #leaving = new Map<string, Leaving>()
  readonly #startedAtMs: number

  constructor(node: string, stored: Map<string, Place>, nowMs: number) {
    this.#node = node
    this.#places = stored
    this.#startedAtMs = nowMs
  }

  get(tenant: string): Place | undefined {
    return this.#places.get(tenant)
  }

  /** Whether the node owns or forwards anything: then it must not sleep. */
  get busy(): boolean {
    for (const { row } of this.#places.values()) if (row.role !== 'gone') return true
    return false
  }

  /** Notes that a message of a session was passed on: with the answer its edge knows where to ask. */
  noteForward(tenant: string, session: string): void {
    this.#leavingOf(tenant)?.sessions.delete(session)
  }

  /**
   * Whether nobody needs the forwarding any more: every edge that held a lease granted here has been passed on,
   * or the leases have lapsed. Whoever still asks then is told where to.
   */
  drained(tenant: string, life: NodeLife, nowMs: number): boolean {
    const leaving = this.#leavingOf(tenant)
    if (!leaving?.sessions.size) return true
    // The clock was set back: nobody knows how long it has been.
    leaving.sinceMs = Math.min(leaving.sinceMs, nowMs)
    return nowMs - leaving.sinceMs >= life.sessions.silenceMs
  }

  /** Handles one message of a migration; the caller writes what changed before the answer leaves. */
  step(message: NodeMessage<TenantCapsule>, life: NodeLife, config: NodeConfig, nowMs: number): PlaceStep {
    const { tenant } = message
    const place = this.#places.get(tenant)
    const { row, account, answer } = onNodeMessage(place?.row ?? null, message, {
      node: this.#node,
      nowMs,
      tombstoneTtlMs: TOMBSTONE_TTL_MS,
      hasRoom: (reserve) => this.#hasRoom(tenant, reserve, life),
      freeze: () => this.capsule(tenant, life, config),
      drained: this.drained(tenant, life, nowMs),
    })
    if (account?.kind === 'close') life.close(tenant)
    let placed = place?.placed
    if (account?.kind === 'open') {
      const { capsule } = account
      placed = { ...capsule.placed, epoch: message.epoch }
      // Its base may have been lowered since: what it left with fits again when the next configuration comes.
      const wanted = accountOf(placed, life.ledger.roundMs)
      life.install(fittedInto(wanted, this.freeTokens(tenant, life)), capsule.row, nowMs)
    }
    if (row === (place?.row ?? null)) return { answer, changed: new Map() }
    const listed = place?.listed === true && account === null && row?.role === 'active'
    const next = row === null ? null : { row, listed, ...(placed === undefined ? {} : { placed }) }
    const changed = this.#set(tenant, next)
    this.#leaving.delete(tenant)
    if (row?.role === 'forwarding') this.#leavingOf(tenant, nowMs)
    return { answer, changed }
  }

  /**
   * Puts what a configuration lists into its place, and retires what it no longer lists.
   *
   * @param before the configuration that it replaces
   */
  configure(
    config: NodeConfig,
    before: NodeConfig,
    life: NodeLife,
    nowMs: number,
  ): Map<string, Place | null> {
    const changed = new Map<string, Place | null>()
    const listed = new Set<string>()
    for (const { tenant, epoch } of config.tenants) {
      listed.add(tenant)
      const place = this.#places.get(tenant)
      const row = place?.row
      if (row?.role === 'active' && row.epoch >= epoch && place?.listed) continue
      const next = this.#listedPlace(place, epoch)
      if (next !== undefined) this.#set(tenant, next, changed)
    }
    for (const [tenant, place] of this.#places) {
      if (place.row.role === 'active' && place.listed && !listed.has(tenant)) {
        const capsule = this.capsule(tenant, life, before)
        life.close(tenant)
        const row = { role: 'retired', epoch: place.row.epoch, home: null, capsule } as const
        this.#set(tenant, { row, listed: false }, changed)
      }
    }
    return this.sweep(nowMs, changed)
  }

  /** Forgets tombstones whose time has come. */
  sweep(nowMs: number, changed = new Map<string, Place | null>()): Map<string, Place | null> {
    for (const [tenant, { row }] of this.#places) {
      if (sweep(row, nowMs) === null) this.#set(tenant, null, changed)
    }
    return changed
  }

  /**
   * Closes the account of a deleted tenant, if it lives here at its last epoch or below, and leaves a tombstone;
   * one that was retired before is taken up.
   *
   * @returns what the account was
   */
  depart(
    { tenant, epoch }: Departure,
    life: NodeLife,
    nowMs: number,
    changed: Map<string, Place | null>,
  ): AccountRow | undefined {
    const row = this.#places.get(tenant)?.row
    if (row === undefined || row.epoch > epoch) return undefined
    const last =
      row.role === 'active' ? life.close(tenant)?.row : row.role === 'retired' ? row.capsule.row : undefined
    if (last === undefined) return undefined
    const keepUntilMs = nowMs + TOMBSTONE_TTL_MS
    this.#set(tenant, { row: { role: 'gone', epoch, home: null, keepUntilMs }, listed: false }, changed)
    return last
  }

  /** The tenants whose accounts are live here, with their epochs. */
  *active(): Iterable<readonly [tenant: string, epoch: number]> {
    for (const [tenant, { row }] of this.#places) if (row.role === 'active') yield [tenant, row.epoch]
  }

  /** The live account of a tenant as it is now. @throws Error where there is none */
  capsule(tenant: string, life: NodeLife, config: NodeConfig): TenantCapsule {
    const row = life.sessions.row(tenant)
    const placed = config.tenants.find((it) => it.tenant === tenant) ?? this.#places.get(tenant)?.placed
    if (row === undefined || placed === undefined) throw new Error(`no account of ${tenant} to freeze`)
    return { placed, row }
  }

  /** The tenants of a configuration whose accounts are here. */
  mine(config: NodeConfig): PlacedTenant[] {
    return config.tenants.filter(({ tenant }) => this.#places.get(tenant)?.row.role === 'active')
  }

  /** Micro-tokens a round that no account has and that are kept free for nobody but `tenant`. */
  freeTokens(tenant: string, life: NodeLife): number {
    let free = life.ledger.roundTokens - life.ledger.root.childrenBaseTokens
    for (const [other, { row }] of this.#places) {
      if (row.role === 'staged' && other !== tenant) free -= tokensInRound(row.reserve, life)
    }
    return Math.max(0, free)
  }

  /** Kept in memory only: after a restart every session of the capsule is waited for again. */
  #leavingOf(tenant: string, sinceMs = this.#startedAtMs): Leaving | undefined {
    const row = this.#places.get(tenant)?.row
    if (row?.role !== 'forwarding') return undefined
    let leaving = this.#leaving.get(tenant)
    if (leaving === undefined) {
      leaving = { sessions: new Set(sessionsOf(row.capsule)), sinceMs }
      this.#leaving.set(tenant, leaving)
    }
    return leaving
  }

  /** A tenant named by a configuration: live here unless the protocol has taken it elsewhere since. */
  #listedPlace(place: Place | undefined, epoch: number): Place | undefined {
    const row = place?.row
    if (row?.role === 'active') return { row: { ...row, epoch: Math.max(row.epoch, epoch) }, listed: true }
    const passed =
      row !== undefined && !((row.role === 'gone' || row.role === 'retired') && row.epoch < epoch)
    if (passed) return undefined
    return { row: { role: 'active', epoch, origin: 'takeover', fencedEpoch: 0 }, listed: true }
  }

  /** Whether a tenant's rate can be kept free; what was kept free for the tenant itself before is given up. */
  #hasRoom(tenant: string, reservePerSecond: number, life: NodeLife): boolean {
    return tokensInRound(reservePerSecond, life) <= this.freeTokens(tenant, life)
  }

  #set(tenant: string, place: Place | null, changed = new Map<string, Place | null>()) {
    if (place === null) this.#places.delete(tenant)
    else this.#places.set(tenant, place)
    changed.set(tenant, place)
    return changed
  }
}

function tokensInRound(microPerSecond: number, { ledger }: NodeLife): number {
  return Math.floor((microPerSecond * ledger.roundMs) / 1000)
}

function sessionsOf({ row }: TenantCapsule): string[] {
  return [row.desk, ...row.devices.map(({ desk }) => desk)].flatMap(({ sessions }) =>
    sessions.map(({ id }) => id),
  )
}
