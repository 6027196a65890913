import type { Account, AccountSettings } from './account.ts'
import { bookHandedIn, EMPTY_DESK, type HandedIn, type Inherited } from './late-usage.ts'
import { type Ledger, LedgerSettingsError } from './ledger.ts'
import { joinLives, type PastLife } from './past-lives.ts'
import { DEFAULT_DEVICE } from './placed.ts'
import { Desk, type DeskRow, KEEP_LAPSED_MS } from './session.ts'
import { addUsage, noUsage } from './usage.ts'

/** A tenant as the node serves it; amounts in micro-tokens per round. */
export interface TenantAccount {
  readonly tenant: string
  /** Epoch of its placement here; grows by one with every move. */
  readonly epoch: number
  readonly settings: AccountSettings
  readonly devices?: readonly { readonly name: string; readonly settings: AccountSettings }[]
}

/** What of an account outlives a restart or moves with its tenant. Micro-tokens. */
export interface AccountRow {
  readonly owedTokens: number
  readonly spentTotal: number
  readonly borrowedTotal: number
  readonly desk: DeskRow
}

/** What of a tenant outlives a restart or moves with it. */
export interface TenantRow extends AccountRow {
  readonly tenant: string
  readonly epoch: number
  readonly devices: readonly (AccountRow & { readonly name: string })[]
  /** Lives of nodes it has left whose sessions may still be reported, oldest first. */
  readonly pastLives?: readonly PastLife[]
  /** Nodes this account was taken over from by force. */
  readonly inherited?: readonly Inherited[]
  /** What they have handed in since and was booked here: the last {@link KEEP_SETTLED} ids. */
  readonly settled?: readonly string[]
}

type Devices = NonNullable<TenantAccount['devices']>
/** Ids kept of what was handed in and booked; each is said again only until it is answered. */
const KEEP_SETTLED = 64

/** A tenant on its node: its desk, its devices' desks, and whether its row must be saved. */
export class Tenancy {
  readonly tenant: string
  epoch: number
  readonly account: Account
  /**
   * The desk of whatever names no device: it spends from the tenant's account or, in a tenant with devices,
   * from that of {@link DEFAULT_DEVICE}. What closed devices used is counted here.
   */
  readonly desk: Desk
  /** Desks of the devices but the default one. */
  readonly devices = new Map<string, Desk>()
  /**
   * Desks of devices that are closed, or not known yet, while edges still name them: they spend and count as
   * what names no device.
   */
  readonly #strays = new Map<string, Desk>()
  #rest: Account | undefined
  /** Whether its row differs from what was last taken. */
  changed = true
  #takenOwed = 0
  /** Lives of nodes it has left; see {@link TenantRow}. */
  pastLives: readonly PastLife[] = []
  /** Nodes this account was taken over from by force, and what they have handed in since. */
  inherited: readonly Inherited[] = []
  #settled: readonly string[] = []
  /** From when on a trace it came with may be gone, on the sessions' steady clock. */
  #closesAtMs = 0
  readonly #ledger: Ledger

  /** @throws LedgerSettingsError when it does not fit; then nothing was changed. */
  constructor(ledger: Ledger, account: TenantAccount) {
    checkDevices(account)
    this.#ledger = ledger
    this.tenant = account.tenant
    this.epoch = account.epoch
    this.account = ledger.open(account.tenant, account.settings)
    this.desk = new Desk(this.account)
    this.#openDevices(account.devices ?? [], 0)
  }

  /** Changes settings. @throws LedgerSettingsError when they do not fit; then nothing was changed. */
  configure(account: TenantAccount, nowMs: number): void {
    checkDevices(account)
    const devices = account.devices ?? []
    // A base that grows is checked against the others' first; for one that shrinks its devices make room.
    const shrinks = account.settings.baseTokens < this.account.baseTokens
    if (shrinks) this.#shrinkDevices(devices)
    this.#ledger.change(this.account, account.settings)
    if (!shrinks) this.#shrinkDevices(devices)
    this.#openDevices(devices, nowMs)
    this.epoch = Math.max(this.epoch, account.epoch)
    this.changed = true
  }

  /** The desks of the tenant itself and of its devices. */
  *desks(): Iterable<Desk> {
    yield this.desk
    yield* this.devices.values()
    yield* this.#strays.values()
  }

  /** The desk at which an edge's report is booked, whether or not the node knows the device. */
  deskOf(device: string | undefined): Desk {
    if (device === undefined || device === DEFAULT_DEVICE) return this.desk
    return this.devices.get(device) ?? this.#strays.get(device) ?? this.#addStray(device)
  }

  /** The devices' names, the default one last. */
  deviceNames(): string[] {
    return [...this.devices.keys(), ...(this.#rest === undefined ? [] : [DEFAULT_DEVICE])]
  }

  /**
   * Ends sessions that were not heard of in time, and forgets strays nobody names any more. As soon as traces may be
   * gone, a session that is unknown may have been booked before: none is taken for new any more.
   */
  sweep(nowMs: number): void {
    for (const desk of this.desks()) if (desk.sweep(nowMs)) this.changed = true
    if (nowMs > this.#closesAtMs && this.inherited.length + this.pastLives.length > 0) {
      this.inherited = this.pastLives = []
      this.changed = true
    }
    for (const [name, { sessions, lapsed }] of this.#strays) {
      if (sessions.size + lapsed.size === 0) this.#strays.delete(name)
    }
  }

  toRow(): TenantRow {
    const rest = this.#rest
    return {
      tenant: this.tenant,
      epoch: this.epoch,
      ...accountRow(this.account, this.desk.toRow()),
      devices: [
        ...Array.from(this.devices, ([name, desk]) => ({ name, ...accountRow(desk.account, desk.toRow()) })),
        ...(rest === undefined ? [] : [{ name: DEFAULT_DEVICE, ...accountRow(rest, EMPTY_DESK) }]),
        ...Array.from(this.#strays, ([name, desk]) => ({
          name,
          owedTokens: 0,
          ...NO_TOTAL,
          desk: { ...desk.toRow(), usage: noUsage() },
        })),
      ],
      ...(this.pastLives.length === 0 ? {} : { pastLives: this.pastLives }),
      ...(this.inherited.length === 0 ? {} : { inherited: this.inherited }),
      ...(this.#settled.length === 0 ? {} : { settled: this.#settled }),
    }
  }

  /** The row if it must be saved; the caller saves it. A debt shrinks with every round, also a silent one's. */
  takeChanged(): TenantRow | undefined {
    let owed = this.account.owedTokens
    for (const { account } of this.desks()) owed += account.owedTokens
    if (!this.changed && owed === this.#takenOwed) return undefined
    this.changed = false
    this.#takenOwed = owed
    return this.toRow()
  }

  /** Takes over what survived a restart: its sessions are over. */
  restore(row: TenantRow, nowMs: number): void {
    this.#takeOver(row, nowMs, (desk, its) => desk.restore(its, nowMs))
  }

  /** Takes over what came with a move: its sessions go on. */
  resume(row: TenantRow, nowMs: number, silenceMs: number): void {
    this.#takeOver(row, nowMs, (desk, its) => desk.resume(its, nowMs, silenceMs))
  }

  /** Books what a node that was passed over has handed in, unless it was booked before. */
  settle({ id, node, from, to }: HandedIn, nowMs: number): void {
    if (this.#settled.includes(id)) return
    // It may have been passed over twice: what comes first is of the first time.
    const over = this.inherited.find((each) => each.node === node)
    this.inherited = this.inherited.filter((each) => each !== over)
    // What it had forgotten itself, edges may still report.
    this.pastLives = joinLives(this.pastLives, to.pastLives ?? [])
    const forgetAtMs = nowMs + KEEP_LAPSED_MS
    const before = new Map(from.devices.map((device) => [device.name, device]))
    addTotals(this.account, from, to)
    bookHandedIn(this.desk, from.desk, to.desk, forgetAtMs)
    for (const device of to.devices) {
      const was = before.get(device.name)
      const account = device.name === DEFAULT_DEVICE ? this.#rest : this.devices.get(device.name)?.account
      if (account !== undefined) addTotals(account, was ?? NO_TOTAL, device)
      if (device.name === DEFAULT_DEVICE) continue
      bookHandedIn(this.deskOf(device.name), was?.desk ?? EMPTY_DESK, device.desk, forgetAtMs)
    }
    this.#settled = [...this.#settled, id].slice(-KEEP_SETTLED)
    this.changed = true
  }

  #takeOver(row: TenantRow, nowMs: number, take: (desk: Desk, row: DeskRow) => void): void {
    this.pastLives = row.pastLives ?? []
    this.inherited = row.inherited ?? []
    this.#settled = row.settled ?? []
    this.#closesAtMs = nowMs + KEEP_LAPSED_MS
    restoreAccount(this.account, row)
    take(this.desk, row.desk)
    for (const device of row.devices) {
      const account = device.name === DEFAULT_DEVICE ? this.#rest : this.devices.get(device.name)?.account
      if (account !== undefined) restoreAccount(account, device)
      const desk = this.devices.get(device.name)
      if (desk !== undefined) take(desk, device.desk)
      else if (device.name !== DEFAULT_DEVICE) {
        addUsage(this.desk.usage, device.desk.usage)
        take(this.#addStray(device.name), { ...device.desk, usage: this.desk.usage })
      }
    }
    this.changed = true
  }

  /** Closes the devices that are not wanted and takes from those that get less. */
  #shrinkDevices(devices: Devices): void {
    const wanted = new Map(devices.map((device) => [device.name, device.settings]))
    const open = [...this.devices].map(([name, { account }]) => ({ name, account }))
    if (this.#rest !== undefined) open.push({ name: DEFAULT_DEVICE, account: this.#rest })
    for (const { name, account } of open) {
      const settings = wanted.get(name)
      if (settings === undefined) this.#closeDevice(name, account)
      else if (settings.baseTokens < account.baseTokens) this.#ledger.change(account, settings)
    }
  }

  #closeDevice(name: string, account: Account): void {
    this.#ledger.close(account)
    if (name === DEFAULT_DEVICE) {
      this.#rest = undefined
      this.#pointAtRest()
      return
    }
    const desk = this.devices.get(name)!
    this.devices.delete(name)
    addUsage(this.desk.usage, desk.usage)
    desk.usage = this.desk.usage
    desk.account = this.desk.account
    this.#strays.set(name, desk)
  }

  #openDevices(devices: Devices, nowMs: number): void {
    for (const { name, settings } of devices) {
      const account = this.#ledger.openDevice(this.account, name, settings)
      if (name === DEFAULT_DEVICE) this.#rest = account
      else if (!this.devices.has(name)) this.devices.set(name, this.#newDesk(name, account, nowMs))
    }
    this.#pointAtRest()
  }

  /** What a stray of that name has under way is over and settles, late, at the new desk. */
  #newDesk(name: string, account: Account, nowMs: number): Desk {
    const desk = new Desk(account)
    const stray = this.#strays.get(name)
    this.#strays.delete(name)
    for (const session of [...(stray?.sessions.values() ?? [])]) stray!.lapse(session, nowMs)
    for (const lapsed of stray?.lapsed.values() ?? []) {
      this.desk.usage.presumed -= lapsed.presumed
      desk.usage.presumed += lapsed.presumed
      desk.lapsed.set(lapsed.id, lapsed)
    }
    return desk
  }

  #addStray(name: string): Desk {
    const desk = new Desk(this.desk.account, this.desk.usage)
    this.#strays.set(name, desk)
    return desk
  }

  #pointAtRest(): void {
    this.desk.account = this.#rest ?? this.account
    for (const desk of this.#strays.values()) desk.account = this.desk.account
  }
}

/** What the ledger would find wrong half-way through a change. */
function checkDevices({ settings, devices = [] }: TenantAccount): void {
  for (const { baseTokens, ceilingTokens } of [settings, ...devices.map((device) => device.settings)]) {
    if (ceilingTokens !== undefined && ceilingTokens < baseTokens) {
      throw new LedgerSettingsError('the ceiling is below the base')
    }
  }
  const sum = devices.reduce((bases, device) => bases + device.settings.baseTokens, 0)
  if (sum > settings.baseTokens) {
    throw new LedgerSettingsError('the devices’ bases add up to more than the base')
  }
}

function accountRow({ owedTokens, spentTotal, borrowedTotal }: Account, desk: DeskRow): AccountRow {
  return { owedTokens, spentTotal, borrowedTotal, desk }
}

const NO_TOTAL = { spentTotal: 0, borrowedTotal: 0 }

type Grown = Pick<AccountRow, 'spentTotal' | 'borrowedTotal'>

function addTotals(account: Account, from: Grown, to: Grown): void {
  account.spentTotal += to.spentTotal - from.spentTotal
  account.borrowedTotal += to.borrowedTotal - from.borrowedTotal
}

function restoreAccount(account: Account, row: AccountRow): void {
  account.restoreDebt(row.owedTokens)
  account.spentTotal = row.spentTotal
  account.borrowedTotal = row.borrowedTotal
}
