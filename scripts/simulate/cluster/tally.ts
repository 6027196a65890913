import { Tally } from '../faults/tally.ts'

/** Faults and outcomes that every run must have seen; a run without one of them shows nothing about it. */
export const NEEDED_IN_EVERY_RUN = [
  'lost',
  'repeated',
  'delayed',
  'reordered',
  'cutOff',
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
  'calmMoveDone',
  'toldMoved',
] as const

/** What must occur somewhere in a batch of some dozens of runs, though not in each. */
export const NEEDED_IN_EVERY_BATCH = [
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
  'abortTooLate',
  'abortAsked',
  'secondMoveBehind',
  'openAtCoordinatorCrash',
  'forwarded',
  'heldAtTarget',
  'servingLapsed',
  'takeoverBegun',
  'takeoverDone',
  'takeoverAborted',
  'takeoverOfOpenMove',
  'leftBehind',
  'strayCollected',
  'bookedLate',
  'drained',
  'tombstoneSwept',
  'sessionsMoved',
  'retiredByConfig',
  'lostWithTakeover',
  'guaranteedAgain',
] as const

export type ClusterOccurrence = (typeof NEEDED_IN_EVERY_RUN)[number] | (typeof NEEDED_IN_EVERY_BATCH)[number]

export type ClusterTally = Tally<ClusterOccurrence>

/** Counts of a run of several nodes and a coordinator. */
export function newClusterTally(): ClusterTally {
  return new Tally<ClusterOccurrence>([...NEEDED_IN_EVERY_RUN, ...NEEDED_IN_EVERY_BATCH])
}
