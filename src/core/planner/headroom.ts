import type { Cluster } from './cluster.ts'
import type { Work } from './work.ts'

/** What is awake, what the tenants ask for, and what must stay free; tokens/s. */
export interface Reserve {
  readonly capacity: number
  readonly mean: number
  /** As last measured. */
  readonly demand: number
  readonly needed: number
}

/**
 * Free capacity to keep awake: the largest node (it may fail), a share of what is up, and the forecast's
 * spread of the whole cluster at the time the slowest sleeping node would be awake. Simple exponential smoothing
 * with gain α has the error variance σ²(1 + (h − 1)α²) after h measurements (Hyndman et al., Forecasting with
 * Exponential Smoothing, 2008, section 6.3). Every tenant counts, also one that still waits for its place: it
 * will ask for the same once it has one.
 */
export function reserveOf(c: Cluster): Reserve {
  let capacity = 0
  let largest = 0
  let wakeMs = 0
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.up[node] === 0) {
      if (c.nodes[node]!.state !== 'failed') wakeMs = Math.max(wakeMs, c.nodes[node]!.wakeMs)
      continue
    }
    if (c.open[node] === 0) continue
    capacity += c.capacity[node]!
    largest = Math.max(largest, c.capacity[node]!)
  }
  const { headroomNodes, headroomShare, z, sampleMs, forecastGain } = c.settings
  const steps = Math.max(1, wakeMs / Math.max(1, sampleMs))
  const spread = z * Math.sqrt(c.totalVariance * (1 + (steps - 1) * forecastGain ** 2))
  const needed = Math.max(headroomNodes * largest, headroomShare * capacity, spread)
  return { capacity, mean: c.totalMean, demand: c.totalDemand, needed }
}

/** Whether what is awake is enough: head-room kept and the mean load below the waking threshold. */
export function isRoomy(c: Cluster): boolean {
  const { capacity, mean, demand, needed } = reserveOf(c)
  return capacity - mean >= needed && Math.max(mean, demand) <= c.settings.wakeAboveLoad * capacity
}

/**
 * Wakes nodes ahead of need: when head-room is missing, or when the load has been above the threshold for
 * a while. The cheapest per token/s first.
 */
export function keepHeadroom(work: Work, sustained: boolean): void {
  const { c, objective } = work
  const asleep: number[] = []
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.up[node] === 0 && c.mayWake[node] === 1) asleep.push(node)
  }
  const prices = new Map(asleep.map((node) => [node, objective.fullPrice(node)]))
  asleep.sort((a, b) => prices.get(a)! - prices.get(b)! || a - b)
  for (const node of asleep) {
    const { capacity, mean, demand, needed } = reserveOf(c)
    const short = capacity - mean < needed
    const hot = sustained && Math.max(mean, demand) > c.settings.wakeAboveLoad * capacity
    if (!short && !hot) return
    const mark = work.mark()
    work.wake(node)
    work.keep(mark)
  }
}

/** Puts nodes that stand empty to standby, the dearest first, while head-room is left. */
export function sleepEmpty(work: Work): void {
  const { c, objective } = work
  const empty: number[] = []
  for (let node = 0; node < c.nodes.length; node++) {
    if (c.up[node] === 1 && c.maySleep[node] === 1 && c.nodeCount[node] === 0) empty.push(node)
  }
  const prices = new Map(empty.map((node) => [node, objective.fullPrice(node)]))
  empty.sort((a, b) => prices.get(b)! - prices.get(a)! || a - b)
  for (const node of empty) {
    const mark = work.mark()
    work.sleep(node)
    if (isRoomy(c) && work.isWorth(mark)) work.keep(mark)
    else work.undo(mark)
  }
}
