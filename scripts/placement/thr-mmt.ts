import type { Datacentre, Migration } from './datacentre.ts'
import type { Policy } from './run.ts'

/**
 * CloudSim's `thr-mmt-0.8`: hosts above a load of 80 % give away their machines of least RAM, hosts are
 * emptied from the least loaded up, and targets are chosen by the least rise in power. It is here to prove
 * the accounting: its published results must come out.
 */
export const thrMmt: Policy = { initial: 'best-fit', decide: (dc) => new Round(dc).decide() }

const THRESHOLD = 0.8

class Round {
  readonly #dc: Datacentre
  readonly #lists: number[][]
  readonly #free: Float64Array
  readonly #used: Float64Array

  constructor(dc: Datacentre) {
    this.#dc = dc
    this.#lists = dc.residents.map((vms) => [...vms])
    this.#free = new Float64Array(dc.hostCount)
    this.#used = new Float64Array(dc.hostCount)
    for (let host = 0; host < dc.hostCount; host++) this.#measure(host)
  }

  decide(): Migration[] {
    const over: number[] = []
    for (let host = 0; host < this.#dc.hostCount; host++) if (this.#isOver(host)) over.push(host)
    const leaving = over.flatMap((host) => this.#relieve(host))
    const moves = this.#settle(leaving, new Set(over))
    return [...moves, ...this.#emptyUnderused(over)]
  }

  #requested(host: number): number {
    let sum = 0
    for (const vm of this.#lists[host]!) sum += this.#dc.demand[vm]!
    return sum
  }

  #isOver(host: number): boolean {
    return this.#requested(host) / this.#dc.hostMips[host]! > THRESHOLD
  }

  #relieve(host: number): number[] {
    const leaving: number[] = []
    const list = this.#lists[host]!
    while (list.length > 0) {
      let least = list[0]!
      for (const vm of list) if (this.#dc.vmRamMb[vm]! < this.#dc.vmRamMb[least]!) least = vm
      leaving.push(least)
      this.#drop(host, least)
      if (!this.#isOver(host)) break
    }
    return leaving
  }

  /** What the host has left and what it gives, as its scheduler would share it. */
  #measure(host: number): void {
    const core = this.#dc.coreMips[host]!
    const total = this.#dc.hostMips[host]!
    let available = total
    let asked = 0
    let fits = true
    for (const vm of this.#lists[host]!) {
      const ask = Math.min(this.#dc.demand[vm]!, core)
      asked += ask
      if (available >= ask) available -= ask
      else fits = false
    }
    this.#free[host] = fits ? available : 0
    this.#used[host] = fits ? asked : total
  }

  #add(host: number, vm: number): void {
    this.#lists[host]!.push(vm)
    this.#measure(host)
  }

  #drop(host: number, vm: number): void {
    const list = this.#lists[host]!
    list.splice(list.lastIndexOf(vm), 1)
    this.#measure(host)
  }

  #find(vm: number, excluded: ReadonlySet<number>): number {
    const dc = this.#dc
    const demand = dc.demand[vm]!
    let best = -1
    let least = Number.POSITIVE_INFINITY
    for (let host = 0; host < dc.hostCount; host++) {
      if (excluded.has(host) || dc.coreMips[host]! < demand || this.#free[host]! < demand) continue
      const total = dc.hostMips[host]!
      if (this.#used[host] !== 0 && (this.#requested(host) + demand) / total > THRESHOLD) continue
      const rise = dc.wattsAt(host, (this.#used[host]! + demand) / total) - dc.wattsAt(host, dc.load[host]!)
      if (rise < least) {
        least = rise
        best = host
      }
    }
    return best
  }

  #settle(vms: number[], excluded: ReadonlySet<number>): Migration[] {
    const moves: Migration[] = []
    for (const vm of this.#byDemand(vms)) {
      const host = this.#find(vm, excluded)
      if (host < 0) continue
      this.#add(host, vm)
      moves.push({ vm, host })
    }
    return moves
  }

  #byDemand(vms: number[]): number[] {
    return vms.sort((a, b) => this.#dc.demand[b]! - this.#dc.demand[a]!)
  }

  #emptyUnderused(over: readonly number[]): Migration[] {
    const dc = this.#dc
    const moves: Migration[] = []
    const closed = new Set(over)
    for (let host = 0; host < dc.hostCount; host++) if (dc.load[host] === 0) closed.add(host)
    const tried = new Set(closed)
    for (;;) {
      let host = -1
      let least = 1
      for (let h = 0; h < dc.hostCount; h++) {
        const load = dc.load[h]!
        if (!tried.has(h) && load > 0 && load < least && this.#lists[h]!.length > 0) {
          least = load
          host = h
        }
      }
      if (host < 0) return moves
      tried.add(host)
      closed.add(host)
      for (const move of this.#settleAll([...this.#lists[host]!], closed)) {
        tried.add(move.host)
        moves.push(move)
      }
    }
  }

  /** All of them or none. */
  #settleAll(vms: number[], excluded: ReadonlySet<number>): Migration[] {
    const moves: Migration[] = []
    for (const vm of this.#byDemand(vms)) {
      const host = this.#find(vm, excluded)
      if (host < 0) {
        for (const move of moves) this.#drop(move.host, move.vm)
        return []
      }
      this.#add(host, vm)
      moves.push({ vm, host })
    }
    return moves
  }
}
