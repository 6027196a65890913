import { wattsAt } from '../../src/core/planner/power.ts'

/** One kind of host: two cores of equal speed, a measured power curve. */
export interface HostType {
  readonly name: string
  readonly mipsPerCore: number
  readonly cores: number
  readonly ramMb: number
  readonly bandwidthKbit: number
  /** Watts at 0, 10 … 100 % load. */
  readonly watts: readonly number[]
}

/** One kind of virtual machine; every machine has one core. */
export interface VmType {
  readonly mips: number
  readonly ramMb: number
}

/** What an experiment runs on. */
export interface Catalogue {
  readonly hostCount: number
  readonly hostTypes: readonly HostType[]
  readonly vmTypes: readonly VmType[]
  readonly vmBandwidthKbit: number
  /** Lower bounds published with the traces, kWh by day; empty when the folder holds no experiment. */
  readonly publishedBoundsKwh: Readonly<Record<string, number>>
}

/**
 * The PlanetLab experiment of CloudSim 4.0 (`examples/power`): 800 servers of two SPECpower-measured kinds
 * and four kinds of machines. An `experiment.json` next to the traces overrides it.
 */
export const PLANETLAB: Catalogue = {
  hostCount: 800,
  hostTypes: [
    {
      name: 'HP ProLiant ML110 G4 (Xeon 3040)',
      mipsPerCore: 1860,
      cores: 2,
      ramMb: 4096,
      bandwidthKbit: 1_000_000,
      watts: [86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117],
    },
    {
      name: 'HP ProLiant ML110 G5 (Xeon 3075)',
      mipsPerCore: 2660,
      cores: 2,
      ramMb: 4096,
      bandwidthKbit: 1_000_000,
      watts: [93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135],
    },
  ],
  vmTypes: [
    { mips: 2500, ramMb: 870 },
    { mips: 2000, ramMb: 1740 },
    { mips: 1000, ramMb: 1740 },
    { mips: 500, ramMb: 613 },
  ],
  vmBandwidthKbit: 100_000,
  publishedBoundsKwh: {},
}

/** Samples are 300 s apart; the first look at the load comes a tenth of a second after a sample. */
export const STEP_S = 300
export const FIRST_EVENT_S = 300.1
export const HORIZON_S = 86_400

/** A live transfer uses half of a 1 Gbit/s link: 62.5 MB/s. */
export const TRANSFER_MB_PER_S = 62.5

/** Joules of one frame of a host that is on: the mean of the power at its two ends. */
export function frameJoules(type: HostType, from: number, to: number, seconds: number): number {
  return ((wattsAt(type.watts, from) + wattsAt(type.watts, to)) / 2) * seconds
}
