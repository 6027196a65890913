/** What one run of one day came to. Energies in kWh, shares 0…1. */
export interface Outcome {
  readonly energyKwh: number
  readonly migrations: number
  /** Time hosts gave less than was asked, over the time they were active. */
  readonly otf: number
  /** Work not done because its machine was being transferred, over work asked. */
  readonly pdm: number
  readonly slav: number
  readonly esv: number
  readonly unservedShare: number
}

/** Totals of the service-level metrics of CloudSim's planetlab examples, kept as intervals close. */
export class Account {
  joules = 0
  migrations = 0
  #activeS = 0
  #violatedS = 0
  #requested = 0
  #allocated = 0
  #lostInMigration = 0
  readonly #host: History
  readonly #vm: History

  constructor(hosts: number, vms: number) {
    this.#host = new History(hosts)
    this.#vm = new History(vms)
  }

  /** The host gives `allocated` of `requested` MIPS from `at` (seconds) until its next entry. */
  hostEntry(host: number, at: number, allocated: number, requested: number): void {
    const history = this.#host
    const seconds = at - history.at[host]!
    if (history.known(host) && seconds > 0 && history.flag[host] === 1) {
      this.#activeS += seconds
      if (history.allocated[host]! < history.requested[host]!) this.#violatedS += seconds
    }
    history.set(host, at, allocated, requested, allocated > 0)
  }

  /** The machine gets `allocated` of `requested` MIPS from `at` until its next entry. */
  vmEntry(vm: number, at: number, allocated: number, requested: number, migrating: boolean): void {
    const history = this.#vm
    const seconds = at - history.at[vm]!
    if (history.known(vm) && seconds > 0) {
      const asked = history.requested[vm]!
      const got = history.allocated[vm]!
      this.#requested += asked * seconds
      this.#allocated += got * seconds
      if (got < asked && history.flag[vm] === 1) this.#lostInMigration += (asked - got) * seconds
    }
    history.set(vm, at, allocated, requested, migrating)
  }

  outcome(): Outcome {
    const energyKwh = this.joules / 3_600_000
    const otf = this.#activeS === 0 ? 0 : this.#violatedS / this.#activeS
    const pdm = this.#requested === 0 ? 0 : this.#lostInMigration / this.#requested
    const unservedShare =
      this.#requested === 0 ? 0 : Math.max(0, (this.#requested - this.#allocated) / this.#requested)
    const slav = otf * pdm
    return {
      energyKwh,
      migrations: this.migrations,
      otf,
      pdm,
      slav,
      esv: energyKwh * slav,
      unservedShare,
    }
  }
}

/** The last entry of each host or machine; an entry of the same instant replaces it. */
class History {
  readonly at: Float64Array
  readonly allocated: Float64Array
  readonly requested: Float64Array
  readonly flag: Uint8Array

  constructor(count: number) {
    this.at = new Float64Array(count).fill(-1)
    this.allocated = new Float64Array(count)
    this.requested = new Float64Array(count)
    this.flag = new Uint8Array(count)
  }

  known(index: number): boolean {
    return this.at[index] !== -1
  }

  set(index: number, at: number, allocated: number, requested: number, flag: boolean): void {
    this.at[index] = at
    this.allocated[index] = allocated
    this.requested[index] = requested
    this.flag[index] = flag ? 1 : 0
  }
}
