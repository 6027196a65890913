import { fluidBound, type NodeClass } from '../../src/core/planner/bounds.ts'
import { type Catalogue, FIRST_EVENT_S, HORIZON_S, STEP_S } from './catalogue.ts'
import { Datacentre, type DatacentreOptions } from './datacentre.ts'
import { placeInitially } from './initial.ts'
import type { Trace } from './traces.ts'

/** Hosts of one type are alike: the classes the fluid bound fills. */
export function hostClasses(catalogue: Catalogue, standbyWatts: number): NodeClass[] {
  const types = catalogue.hostTypes
  return types.map((type, index) => ({
    count: Math.ceil((catalogue.hostCount - index) / types.length),
    capacity: type.mipsPerCore * type.cores,
    asleep: standbyWatts,
    awake: type.watts,
  }))
}

/**
 * kWh below which no placement of this day can stay under this accounting: at every reading all demand is
 * poured over the hosts that serve it cheapest, with hosts split at will and no transfers. It does not
 * depend on a policy: machines leave when the accounting removes them, energy counts where it counts it.
 */
export function dayBoundKwh(catalogue: Catalogue, trace: Trace, options: DatacentreOptions): number {
  const dc = new Datacentre(catalogue, trace, options)
  placeInitially(dc, catalogue, 'first-fit')
  const classes = hostClasses(catalogue, options.standbyWatts)
  const watts = () => {
    let demand = 0
    for (let vm = 0; vm < dc.vmCount; vm++) if (dc.vmHost[vm]! >= 0) demand += dc.demand[vm]!
    return fluidBound(classes, demand)
  }
  const compat = options.accounting === 'compat'
  const times: number[] = compat ? [] : [0]
  for (let at = FIRST_EVENT_S; at < HORIZON_S; at += STEP_S) times.push(at)
  if (!compat) times.push(HORIZON_S)
  let joules = 0
  let last = -1
  for (const [index, at] of times.entries()) {
    if (at > 0) dc.advance(at)
    else dc.observe(at)
    const now = watts()
    if (index > 0) joules += ((last + now) / 2) * (at - times[index - 1]!)
    last = now
  }
  return joules / 3_600_000
}
