import { Tally } from '../faults/tally.ts'

/** Faults and outcomes that every run must have seen; a run without one of them shows nothing about it. */
export const NEEDED_IN_EVERY_RUN = [
  'lost',
  'repeated',
  'delayed',
  'reordered',
  'edgeCrash',
  'nodeCrash',
  'coordinatorCrash',
  'edgeClockStep',
  'nodeClockStep',
  'coordinatorClockStep',
  'settingsChange',
  'nodeAway',
  'admitted',
  'unreachableAdmitted',
  'lateReport',
  'checkedInShare',
  'moveAsked',
  'moveDone',
  'toldMoved',
] as const

/** What must occur somewhere in some dozens of runs, though not in each. */
export const SEEN_IN_DOZENS = [
  'cutOff',
  'calmMoveDone',
  'lapsed',
  'refused',
  'writeLost',
  'writeKept',
  'staleTwin',
  'twinFenced',
  'clockBack',
  'clockForward',
  'moveRefused',
  'moveAborted',
  'abortAsked',
  'secondMoveBehind',
  'openAtCoordinatorCrash',
  'forwarded',
  'servingLapsed',
  'takeoverBegun',
  'takeoverDone',
  'takeoverOfOpenMove',
  'leftBehind',
  'strayCollected',
  'bookedLate',
  'drained',
  'tombstoneSwept',
  'sessionsMoved',
  'retiredByConfig',
  'guaranteedAgain',
] as const

/** What must occur somewhere in a hundred runs. */
export const NEEDED_IN_EVERY_BATCH = [
  ...SEEN_IN_DOZENS,
  'abortTooLate',
  'heldAtTarget',
  'takeoverAborted',
] as const

export type ClusterOccurrence = (typeof NEEDED_IN_EVERY_RUN)[number] | (typeof NEEDED_IN_EVERY_BATCH)[number]

export type ClusterTally = Tally<ClusterOccurrence>

/** Counts of a run of several nodes and a coordinator. */
export function newClusterTally(): ClusterTally {
  return new Tally<ClusterOccurrence>([...NEEDED_IN_EVERY_RUN, ...NEEDED_IN_EVERY_BATCH])
}
