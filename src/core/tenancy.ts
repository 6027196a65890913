import type { AccountSettings } from './account.ts'
import { type Ledger, LedgerSettingsError } from './ledger.ts'
import { Desk, type DeskRow } from './session.ts'

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
}

type Devices = NonNullable<TenantAccount['devices']>

/** A tenant on its node: its desk, its devices' desks, and whether its row must be saved. */
export class Tenancy {
  readonly tenant: string
  epoch: number
  readonly desk: Desk
  readonly devices = new Map<string, Desk>()
  /** Whether its row differs from what was last taken. */
  changed = true
  #takenOwed = 0
  readonly #ledger: Ledger

  /** @throws LedgerSettingsError when it does not fit; then nothing was changed. */
  constructor(ledger: Ledger, account: TenantAccount) {
    checkDevices(account)
    this.#ledger = ledger
    this.tenant = account.tenant
    this.epoch = account.epoch
    this.desk = new Desk(ledger.open(account.tenant, account.settings))
    this.#openDevices(account.devices ?? [])
  }

  /** Changes settings. @throws LedgerSettingsError when they do not fit; then nothing was changed. */
  configure(account: TenantAccount): void {
    checkDevices(account)
    const devices = account.devices ?? []
    // A base that grows is checked against the others' first; for one that shrinks its devices make room.
    const shrinks = account.settings.baseTokens < this.desk.account.baseTokens
    if (shrinks) this.#shrinkDevices(devices)
    this.#ledger.change(this.desk.account, account.settings)
    if (!shrinks) this.#shrinkDevices(devices)
    this.#openDevices(devices)
    this.epoch = Math.max(this.epoch, account.epoch)
    this.changed = true
  }

  /** The desks of the tenant itself and of its devices. */
  *desks(): Iterable<Desk> {
    yield this.desk
    yield* this.devices.values()
  }

  toRow(): TenantRow {
    return {
      tenant: this.tenant,
      epoch: this.epoch,
      ...accountRow(this.desk),
      devices: Array.from(this.devices, ([name, desk]) => ({ name, ...accountRow(desk) })),
    }
  }

  /** The row if it must be saved; the caller saves it. A debt shrinks with every round, also a silent one's. */
  takeChanged(): TenantRow | undefined {
    let owed = 0
    for (const { account } of this.desks()) owed += account.owedTokens
    if (!this.changed && owed === this.#takenOwed) return undefined
    this.changed = false
    this.#takenOwed = owed
    return this.toRow()
  }

  /** Takes over what survived a restart or came with a move. */
  restore(row: TenantRow, nowMs: number): void {
    restoreAccount(this.desk, row, nowMs)
    for (const device of row.devices) {
      const desk = this.devices.get(device.name)
      if (desk !== undefined) restoreAccount(desk, device, nowMs)
    }
    this.changed = true
  }

  /** Closes the devices that are not wanted and takes from those that get less. */
  #shrinkDevices(devices: Devices): void {
    const wanted = new Map(devices.map((device) => [device.name, device.settings]))
    for (const [name, { account }] of this.devices) {
      const settings = wanted.get(name)
      if (settings === undefined) {
        this.#ledger.close(account)
        this.devices.delete(name)
      } else if (settings.baseTokens < account.baseTokens) this.#ledger.change(account, settings)
    }
  }

  #openDevices(devices: Devices): void {
    for (const { name, settings } of devices) {
      const account = this.#ledger.openDevice(this.desk.account, name, settings)
      if (!this.devices.has(name)) this.devices.set(name, new Desk(account))
    }
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

function accountRow(desk: Desk): AccountRow {
  const { owedTokens, spentTotal, borrowedTotal } = desk.account
  return { owedTokens, spentTotal, borrowedTotal, desk: desk.toRow() }
}

function restoreAccount(desk: Desk, row: AccountRow, nowMs: number): void {
  desk.account.restoreDebt(row.owedTokens)
  desk.account.spentTotal = row.spentTotal
  desk.account.borrowedTotal = row.borrowedTotal
  desk.restore(row.desk, nowMs)
}
