import type { Catalogue } from './catalogue.ts'
import type { Datacentre } from './datacentre.ts'

/**
 * Where the machines stand when the day begins: each asks for its full MIPS, RAM and bandwidth.
 * `first-fit` takes the first host with room. `best-fit` takes the one whose power would rise least over
 * its power at rest, which spreads machines over empty hosts first (CloudSim reads a host's power before
 * it has any load).
 *
 * @throws Error when a machine fits nowhere
 */
export function placeInitially(dc: Datacentre, catalogue: Catalogue, rule: 'first-fit' | 'best-fit'): void {
  const freeMips = Float64Array.from(dc.hostMips)
  const freeRamMb = Float64Array.from(dc.hostTypes, (type) => type.ramMb)
  const freeKbit = Float64Array.from(dc.hostTypes, (type) => type.bandwidthKbit)
  for (let vm = 0; vm < dc.vmCount; vm++) {
    const mips = dc.vmMips[vm]!
    let chosen = -1
    let least = Number.POSITIVE_INFINITY
    for (let host = 0; host < dc.hostCount; host++) {
      const fits =
        dc.coreMips[host]! >= mips &&
        freeMips[host]! >= mips &&
        freeRamMb[host]! >= dc.vmRamMb[vm]! &&
        freeKbit[host]! >= catalogue.vmBandwidthKbit
      if (!fits) continue
      if (rule === 'first-fit') {
        chosen = host
        break
      }
      const total = dc.hostMips[host]!
      const rise = dc.wattsAt(host, (total - freeMips[host]! + mips) / total) - dc.wattsAt(host, 0)
      if (rise < least) {
        least = rise
        chosen = host
      }
    }
    if (chosen < 0) throw new Error(`machine ${vm} fits on no host at full speed`)
    freeMips[chosen] = freeMips[chosen]! - mips
    freeRamMb[chosen] = freeRamMb[chosen]! - dc.vmRamMb[vm]!
    freeKbit[chosen] = freeKbit[chosen]! - catalogue.vmBandwidthKbit
    dc.place(vm, chosen)
  }
}
