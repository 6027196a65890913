interface RegressionSeed {
  readonly seed: number
  readonly found: string
}

/** Seeds that fail without what was mended when the simulation (or its making) found a fault in the core or in itself. */
export const REGRESSION_SEEDS: readonly RegressionSeed[] = [
  {
    seed: 4,
    found: 'totals of a session that was over were lost with the node, the edge had forgotten them',
  },
  { seed: 6, found: 'an hour’s step of the node’s clock made it forget sessions that still reported' },
  { seed: 7, found: 'an edge whose clock was set back by an hour spoke to its node an hour later' },
  { seed: 8, found: 'a tenant and its devices could not be given smaller bases in one change' },
  {
    seed: 10,
    found: 'a stale twin answered about a session of its successor, and the edge forgot its totals',
  },
  { seed: 13, found: 'a session handed out again lapsed while its lease was in use' },
  {
    seed: 897,
    found: 'going short in one round and little demand in another were added up to tokens left idle',
  },
  {
    seed: 502839,
    found: 'the isolate that crashed happened to hold nothing, and nothing was presumed spent',
  },
  {
    seed: 9500316,
    found: 'the node crashed before the session of the isolate that had crashed could lapse',
  },
  {
    seed: 9605918,
    found: 'the same, three rounds after such a crash: late messages had kept the sessions alive',
  },
  {
    seed: 7101274,
    found: 'tokens claimed for what edges had asked ahead, for a flood that had ended, were taken for idle',
  },
]

/** The same with several nodes and a coordinator. */
export const CLUSTER_REGRESSION_SEEDS: readonly RegressionSeed[] = [
  { seed: 7, found: 'a migration stood still for the hour by which the coordinator’s clock was set back' },
  {
    seed: 164,
    found: 'after an aborted move a tenant was no longer listed, and its account could not be handed in',
  },
  {
    seed: 20305,
    found: 'what a passed-over node handed in was dropped when only a device had counted more',
  },
  {
    seed: 1399,
    found: 'a session that a passed-over node had forgotten was lost once that node had handed in',
  },
  {
    seed: 9008,
    found:
      'a session was lost when its node, passed over without it, got the tenant back before it was booked',
  },
  {
    seed: 34247,
    found: 'a source without anything new took from what its target, the owner, presumed spent',
  },
  {
    seed: 9500362,
    found:
      'a clock set ahead by an hour ended a tombstone, and a late message staged an aborted move for good',
  },
  {
    seed: 9510586,
    found:
      'a base was lowered twice, and who asked for more than the rest was still taken for one in its share',
  },
]
