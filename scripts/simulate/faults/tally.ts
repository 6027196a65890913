/** Faults and outcomes that every run must have seen; a run without one of them shows nothing about it. */
export const NEEDED_IN_EVERY_RUN = [
  'lost',
  'repeated',
  'delayed',
  'reordered',
  'cutOff',
  'unreachableNode',
  'edgeCrash',
  'nodeCrash',
  'edgeClockStep',
  'nodeClockStep',
  'settingsChange',
  'capacityChange',
  'admitted',
  'waited',
  'borrowed',
  'refused',
  'unreachableAdmitted',
  'overdraft',
  'lapsed',
  'presumed',
  'lateReport',
  'checkedInShare',
  'checkedBacklog',
] as const

/** What must occur somewhere in a batch of some dozens of runs, though not in each. */
export const NEEDED_IN_EVERY_BATCH = [
  'clockBack',
  'clockForward',
  'staleTwin',
  'twinFenced',
  'writeLost',
  'writeKept',
  'adoptedSession',
  'lateSettled',
  'atCeiling',
  'repaidDebt',
  'checkedRound',
] as const

export type Occurrence = (typeof NEEDED_IN_EVERY_RUN)[number] | (typeof NEEDED_IN_EVERY_BATCH)[number]

const OCCURRENCES = [...NEEDED_IN_EVERY_RUN, ...NEEDED_IN_EVERY_BATCH]

/** How often what occurred. */
export class Tally<Name extends string = Occurrence> {
  readonly counts: Record<Name, number>

  constructor(names: readonly Name[]) {
    this.counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  }

  /** For runs of edges and one node. */
  static ofFaults(): Tally {
    return new Tally(OCCURRENCES)
  }

  count(name: Name, times = 1): void {
    this.counts[name] += times
  }

  add(other: Tally<Name>): void {
    for (const name of Object.keys(other.counts) as Name[]) this.counts[name] += other.counts[name]
  }

  /** Names of `needed` that did not occur. */
  missing(needed: readonly Name[]): Name[] {
    return needed.filter((name) => this.counts[name] === 0)
  }
}

/** A broken promise, seen at a moment of a run. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string
  readonly atMs: number

  constructor(invariant: string, atMs: number, detail: string) {
    super(detail)
    this.invariant = invariant
    this.atMs = atMs
  }
}
