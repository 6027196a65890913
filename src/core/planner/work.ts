import type { Cluster, Step } from './cluster.ts'
import type { Rule } from './model.ts'
import type { Objective } from './objective.ts'

const HOUR_MS = 3_600_000
/** A gain below this is rounding. */
const LEAST_GAIN = 1e-9

/** A point to return to. */
export interface Mark {
  readonly steps: number
  readonly woken: number
  readonly slept: number
  readonly score: number
  readonly held: number
}

/** The plan in the making: moves, wakes and sleeps on a cluster, each undoable, with J kept up to date. */
export class Work {
  readonly c: Cluster
  readonly objective: Objective
  readonly steps: Step[] = []
  readonly woken: number[] = []
  readonly slept: number[] = []
  /** Change of J so far, and the part of it that ends when price and carbon change. */
  score = 0
  held = 0
  /** Bundles numbered so far. */
  bundles: number

  constructor(c: Cluster, objective: Objective, bundles = 0) {
    this.c = c
    this.objective = objective
    this.bundles = bundles
  }

  /** Nodes that may be given tenants, by index. */
  openNodes(): number[] {
    const open: number[] = []
    for (let node = 0; node < this.c.nodes.length; node++) {
      if (this.c.open[node] === 1 && this.c.up[node] === 1) open.push(node)
    }
    return open
  }

  /** Starts a bundle; everything after it can be undone up to here. */
  mark(): Mark {
    this.bundles++
    const { steps, woken, slept, score, held } = this
    return { steps: steps.length, woken: woken.length, slept: slept.length, score, held }
  }

  move(tenant: number, to: number, rule: Rule): void {
    const { c } = this
    const from = c.home[tenant]!
    const criticality = c.criticality[tenant]!
    const zones = from < 0 ? 0 : this.objective.spreadChange(criticality, c.zone[from]!, c.zone[to]!)
    this.#count(from, -1)
    this.#count(to, -1)
    c.move(tenant, to)
    this.#count(from, 1)
    this.#count(to, 1)
    this.score += zones
    this.steps.push({ tenant, from, to, rule, bundle: this.bundles })
  }

  wake(node: number): void {
    this.#switch(node, 1)
    this.woken.push(node)
  }

  sleep(node: number): void {
    this.#switch(node, 0)
    this.slept.push(node)
  }

  undo(mark: Mark): void {
    const { c } = this
    while (this.slept.length > mark.slept) this.#power(this.slept.pop()!, 1)
    while (this.steps.length > mark.steps) {
      const { tenant, from } = this.steps.pop()!
      c.move(tenant, from)
    }
    while (this.woken.length > mark.woken) this.#power(this.woken.pop()!, 0)
    this.score = mark.score
    this.held = mark.held
  }

  /** Keeps what was done since `mark`: its tenants stay where they are now, budgets are spent. */
  keep(mark: Mark): void {
    for (const { tenant } of this.steps.slice(mark.steps)) this.c.held[tenant] = 1
    this.c.tenantBudget -= this.steps.length - mark.steps
    for (const node of this.woken.slice(mark.woken)) this.c.maySleep[node] = 0
    for (const node of this.slept.slice(mark.slept)) this.c.mayWake[node] = 0
    this.c.nodeBudget -= this.woken.length - mark.woken + this.slept.length - mark.slept
  }

  /**
   * Whether the bundle since `mark` is worth it: its gain over the expected stay exceeds what moving costs,
   * its share of all there is to gain is at least half its share of all there is to disturb, and the hour's
   * budgets allow it. Gains from price and carbon count only until those change.
   */
  isWorth(mark: Mark): boolean {
    const { c } = this
    const { settings } = c
    const gain = mark.score - this.score
    if (gain <= LEAST_GAIN) return false
    const steps = this.steps.length - mark.steps
    const changes = this.woken.length - mark.woken + this.slept.length - mark.slept
    if (steps > c.tenantBudget || changes > c.nodeBudget) return false
    let disruption = 0
    for (let i = mark.steps; i < this.steps.length; i++) disruption += c.disruption[this.steps[i]!.tenant]!
    const share = c.totalDisruption === 0 ? 0 : disruption / c.totalDisruption
    if (gain / this.objective.total < settings.minGainPerDisruption * share) return false
    const stay = settings.expectedStayMs
    const held = Math.max(0, mark.held - this.held)
    const heldStay = Math.min(stay, Math.max(0, c.signalsHoldMs - c.nowMs))
    return ((gain - held) * stay + held * heldStay) / HOUR_MS > settings.moveCost * share
  }

  #power(node: number, up: 0 | 1): void {
    this.c.up[node] = up
    this.c.open[node] = up
    this.c.stale[node] = 1
  }

  #switch(node: number, up: 0 | 1): void {
    this.#count(node, -1)
    this.#power(node, up)
    this.#count(node, 1)
  }

  #count(node: number, sign: 1 | -1): void {
    if (node < 0) return
    this.score += sign * this.objective.present(node)
    this.held += sign * this.objective.presentHeld(node)
  }
}
