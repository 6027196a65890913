import { wattsAt } from '../../src/core/planner/power.ts'
import { Account } from './account.ts'
import { type Catalogue, frameJoules, type HostType, STEP_S, TRANSFER_MB_PER_S } from './catalogue.ts'
import type { Trace } from './traces.ts'

/** `compat` counts as CloudSim 4.0 does, quirks included; `honest` as a meter on the wall would. */
export type Accounting = 'compat' | 'honest'

export interface DatacentreOptions {
  readonly accounting: Accounting
  /** Watts of a host that holds no machine; CloudSim knows none. */
  readonly standbyWatts: number
  /** Charge every host its peak power, whatever it does (CloudSim's non-power-aware policy). */
  readonly alwaysPeak: boolean
  /** Guaranteed share of a machine's MIPS, 0…1, served before anybody's surplus (honest only). */
  readonly baseShare: number
}

export interface Migration {
  readonly vm: number
  readonly host: number
}

/** A source serves a machine at 90 % while it is transferred, the target books the other 10 %. */
const SOURCE_SHARE = 0.9
const TARGET_SHARE = 0.1

/** Hosts and virtual machines over time: who lives where, who gets how much, and what it costs. */
export class Datacentre {
  readonly vmCount: number
  readonly hostCount: number
  readonly vmMips: Float64Array
  readonly vmRamMb: Float64Array
  readonly vmBaseMips: Float64Array
  /** Host of each machine; −1 once it is gone. */
  readonly vmHost: Int32Array
  /** MIPS each machine asks for at the present instant. */
  readonly demand: Float64Array
  readonly hostMips: Float64Array
  readonly coreMips: Float64Array
  readonly hostTypes: HostType[]
  /** Load 0…1 of each host as of its last update. */
  readonly load: Float64Array
  /** Machines on each host, those being transferred to it included, in order of arrival. */
  readonly residents: number[][]
  /** 1: kept up by a policy although it holds no machine (honest: it draws its idle power). */
  readonly awake: Uint8Array
  readonly account: Account
  readonly options: DatacentreOptions
  /** Machine-frames that got less than their base: must stay 0. */
  baseTouched = 0
  /** Watt-seconds drawn in the last frame by each host, for price and carbon. */
  readonly frameJoules: Float64Array
  readonly #trace: Trace
  readonly #inMigration: Uint8Array
  readonly #incoming: number[][]
  /** Machines a host once gave away: CloudSim forgets to strike them off until they return. */
  readonly #outgoing: Set<number>[]
  #now = 0

  constructor(catalogue: Catalogue, trace: Trace, options: DatacentreOptions) {
    const hosts = catalogue.hostCount
    const vms = trace.vmCount
    this.options = options
    this.#trace = trace
    this.hostCount = hosts
    this.vmCount = vms
    const typeOfHost = (host: number) => catalogue.hostTypes[host % catalogue.hostTypes.length]!
    this.hostTypes = Array.from({ length: hosts }, (_, host) => typeOfHost(host))
    this.hostMips = Float64Array.from(this.hostTypes, (type) => type.mipsPerCore * type.cores)
    this.coreMips = Float64Array.from(this.hostTypes, (type) => type.mipsPerCore)
    const perType = Math.ceil(vms / catalogue.vmTypes.length)
    const typeOfVm = (vm: number) => catalogue.vmTypes[Math.floor(vm / perType)]!
    this.vmMips = Float64Array.from({ length: vms }, (_, vm) => typeOfVm(vm).mips)
    this.vmRamMb = Float64Array.from({ length: vms }, (_, vm) => typeOfVm(vm).ramMb)
    const baseShare = options.accounting === 'honest' ? options.baseShare : 0
    this.vmBaseMips = this.vmMips.map((mips) => mips * baseShare)
    this.vmHost = new Int32Array(vms).fill(-1)
    this.demand = new Float64Array(vms)
    this.load = new Float64Array(hosts)
    this.frameJoules = new Float64Array(hosts)
    this.residents = Array.from({ length: hosts }, () => [])
    this.awake = new Uint8Array(hosts)
    this.account = new Account(hosts, vms)
    this.#inMigration = new Uint8Array(vms)
    this.#incoming = Array.from({ length: hosts }, () => [])
    this.#outgoing = Array.from({ length: hosts }, () => new Set())
  }

  get now(): number {
    return this.#now
  }

  /** Puts a machine on a host, without a transfer. */
  place(vm: number, host: number): void {
    this.vmHost[vm] = host
    this.residents[host]!.push(vm)
  }

  /** Takes every reading anew at `at` seconds, with no energy between. */
  observe(at: number): void {
    this.#setTime(at)
    for (let host = 0; host < this.hostCount; host++) this.#update(host)
  }

  /** Lets time pass to `at`: one frame of energy, then every host shares its capacity anew. */
  advance(at: number): void {
    const seconds = at - this.#now
    const compat = this.options.accounting === 'compat'
    this.#setTime(at)
    for (let host = 0; host < this.hostCount; host++) {
      const from = this.load[host]!
      const on = compat ? from !== 0 : this.residents[host]!.length > 0 || this.awake[host] === 1
      this.#update(host)
      const joules = this.#joules(host, on, from, seconds)
      this.frameJoules[host] = joules
      this.account.joules += joules
    }
    if (compat) this.#removeIdle()
  }

  /** Starts a transfer and tells when it ends, in seconds of simulated time. */
  begin({ vm, host }: Migration): number {
    this.#inMigration[vm] = 1
    if (!this.#incoming[host]!.includes(vm)) {
      this.#incoming[host]!.push(vm)
      this.residents[host]!.push(vm)
      this.#update(host)
      this.#update(this.vmHost[vm]!)
    }
    this.account.migrations++
    return this.#now + this.vmRamMb[vm]! / TRANSFER_MB_PER_S
  }

  /** Ends a transfer: the machine lives on the target alone. */
  finish({ vm, host }: Migration): void {
    remove(this.residents[this.vmHost[vm]!]!, vm)
    remove(this.#incoming[host]!, vm)
    remove(this.residents[host]!, vm)
    this.#inMigration[vm] = 0
    this.#outgoing[host]!.delete(vm)
    this.place(vm, host)
  }

  #isIncoming(host: number, vm: number): boolean {
    return this.#incoming[host]!.includes(vm)
  }

  wattsAt(host: number, load: number): number {
    return wattsAt(this.hostTypes[host]!.watts, load)
  }

  #joules(host: number, on: boolean, from: number, seconds: number): number {
    const type = this.hostTypes[host]!
    if (this.options.alwaysPeak) return type.watts.at(-1)! * seconds
    return on ? frameJoules(type, from, this.load[host]!, seconds) : this.options.standbyWatts * seconds
  }

  #setTime(at: number): void {
    this.#now = at
    const { samples, percent } = this.#trace
    const low = Math.min(samples - 1, Math.floor(at / STEP_S))
    const high = Math.min(samples - 1, low + 1)
    const along = at - low * STEP_S
    for (let vm = 0; vm < this.vmCount; vm++) {
      const from = percent[vm * samples + low]! / 100
      const to = percent[vm * samples + high]! / 100
      this.demand[vm] = (from + ((to - from) / STEP_S) * along) * this.vmMips[vm]!
    }
  }

  /** A machine idle over two samples counts as completed and never returns (compat). */
  #removeIdle(): void {
    for (let vm = 0; vm < this.vmCount; vm++) {
      const host = this.vmHost[vm]!
      if (host < 0 || this.demand[vm] !== 0 || this.#inMigration[vm] === 1) continue
      remove(this.residents[host]!, vm)
      this.vmHost[vm] = -1
    }
  }

  /** Shares the host's capacity among its machines and books what each got. */
  #update(host: number): void {
    const vms = this.residents[host]!
    const scale = this.#scale(host)
    let utilised = 0
    let requested = 0
    for (const vm of vms) {
      const asked = this.demand[vm]!
      const incoming = this.#isIncoming(host, vm)
      const migrating = this.#inMigration[vm] === 1
      if (!incoming) {
        if (migrating) this.#outgoing[host]!.add(vm)
        else this.#outgoing[host]!.delete(vm)
      }
      const share = this.#outgoing[host]!.has(vm) ? SOURCE_SHARE : incoming ? TARGET_SHARE : 1
      let allocated = this.#allocate(vm, Math.min(asked, this.coreMips[host]!), scale, share)
      if (!incoming) {
        this.account.vmEntry(vm, this.#now, allocated, asked, migrating)
        if (migrating) allocated /= SOURCE_SHARE
      }
      utilised += allocated
      requested += asked
    }
    this.load[host] = Math.min(1, utilised / this.hostMips[host]!)
    this.account.hostEntry(host, this.#now, utilised, requested)
  }

  /** By how much what is asked must shrink to fit: 1 when it fits. */
  #scale(host: number): number {
    const core = this.coreMips[host]!
    let available = this.hostMips[host]!
    let total = 0
    let firm = 0
    let fits = true
    for (const vm of this.residents[host]!) {
      const capped = Math.min(this.demand[vm]!, core)
      const ask = this.#isIncoming(host, vm) ? capped * TARGET_SHARE : capped
      total += ask
      firm += Math.min(ask, this.vmBaseMips[vm]!)
      if (available >= ask) available -= ask
      else fits = false
    }
    if (fits) return 1
    return (this.hostMips[host]! - firm) / (total - firm)
  }

  /** MIPS for one machine; base first and whole where it is guaranteed, floored as CloudSim does else. */
  #allocate(vm: number, capped: number, scale: number, share: number): number {
    if (scale === 1) return capped * share
    if (this.options.accounting === 'compat') return Math.floor(capped * scale * share)
    const firm = Math.min(capped, this.vmBaseMips[vm]!)
    const given = firm + (capped - firm) * Math.max(0, scale)
    if (given < firm - 1e-9 || scale < 0) this.baseTouched++
    return given * share
  }
}

function remove(list: number[], item: number): void {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
}
