import type { NodeReport, NodeState } from '../core/control.ts'
import { accrue, type EnergyAccount, openEnergy, wattsOf } from '../core/energy.ts'
import type { NodeManifest } from '../core/manifest/node.ts'
import { rateBetween, samplesOf, type TenantRate, type UsageSample } from '../core/measure.ts'
import type { EnergyView, PowerPhase } from '../core/placement.ts'
import { DEFAULT_FORECAST, type Forecast, firstForecast, observe } from '../core/planner/forecast.ts'
import { powerCurve } from '../core/planner/power.ts'
import type { ZoneNow } from '../core/zone-signals.ts'
import type { CoordinatorStore, NodeRow } from './coordinator-store.ts'
import { powerOf } from './plans-input.ts'
import { healthOf } from './views.ts'

/** How measurements are taken and kept. */
export const MEASURING = {
  /** Nodes asked at a time, and how long one may take, ms. */
  parallel: 8,
  timeoutMs: 5_000,
  /** Forecasts and energy are written this seldom: a restart loses what came since, and no promise hangs on it. */
  saveMs: 300_000,
} as const

interface Measured extends TenantRate {
  readonly forecast: Forecast
}

/** What is kept of a tenant: `[name, mean, variance, samples]`. */
type StoredForecast = readonly [string, number, number, number]

type MeasuredRow = { node: string; at_ms: number; forecasts: string; energy: string }

/** How nodes are asked, and what they have reported by themselves. */
export interface Sources {
  readonly state: (node: string) => Promise<NodeState>
  /** A node's last heartbeat, with the time it came. */
  readonly report: (node: string) => { readonly report: NodeReport; readonly atMs: number } | undefined
}

/** What the nodes are and what the zones say at a moment. */
export interface Surroundings {
  readonly phaseOf: (node: string) => PowerPhase
  readonly zones: ReadonlyMap<string, ZoneNow>
}

/**
 * What every tenant is measured to want and what is forecast of it, and what every node has drawn. In memory,
 * written every {@link MEASURING.saveMs}.
 */
export class Measurements {
  readonly #store: CoordinatorStore
  readonly #sources: Sources
  readonly #tenants = new Map<string, Measured>()
  /** Totals as last seen: a rate needs two looks. */
  readonly #samples = new Map<string, UsageSample>()
  readonly #energy = new Map<string, EnergyAccount>()
  readonly #reportSeenMs = new Map<string, number>()
  #savedMs: number

  constructor(store: CoordinatorStore, sources: Sources, nowMs: number) {
    this.#store = store
    this.#sources = sources
    this.#savedMs = nowMs
    for (const row of store.all<MeasuredRow>('SELECT * FROM measured')) {
      this.#energy.set(row.node, JSON.parse(row.energy) as EnergyAccount)
      for (const [name, mean, variance, samples] of JSON.parse(row.forecasts) as StoredForecast[]) {
        this.#tenants.set(name, { demand: mean, spent: mean, forecast: { mean, variance, samples } })
      }
    }
  }

  /** What is known of a tenant; undefined before it was measured. */
  forecastOf(tenant: string): { readonly forecast: Forecast; readonly demand: number } | undefined {
    return this.#tenants.get(tenant)
  }

  /** Measures every tenant that has a node, by its node's own report or by asking it. */
  async measure(everyMs: number, gain: number): Promise<void> {
    const homes = new Map<string, string[]>()
    for (const { name, node } of this.#store.all<{ name: string; node: string }>(
      'SELECT name, node FROM tenants WHERE node IS NOT NULL',
    )) {
      const tenants = homes.get(node) ?? []
      if (tenants.push(name) === 1) homes.set(node, tenants)
    }
    const nodes = [...homes.keys()]
    for (let at = 0; at < nodes.length; at += MEASURING.parallel) {
      const batch = nodes.slice(at, at + MEASURING.parallel)
      await Promise.all(batch.map((node) => this.#measureNode(node, homes.get(node)!, everyMs, gain)))
    }
    const known = new Set([...homes.values()].flat())
    for (const map of [this.#tenants, this.#samples]) {
      for (const tenant of map.keys()) if (!known.has(tenant)) map.delete(tenant)
    }
  }

  async #measureNode(node: string, tenants: readonly string[], everyMs: number, gain: number): Promise<void> {
    const heard = this.#sources.report(node)
    const nowMs = Date.now()
    const seenMs = this.#reportSeenMs.get(node) ?? 0
    if (heard !== undefined && heard.atMs > seenMs && nowMs - heard.atMs <= everyMs) {
      this.#reportSeenMs.set(node, heard.atMs)
      const rates = new Map(heard.report.tenants.map((load) => [load.tenant, load]))
      // A report names those with the most demand; the others wanted nothing to speak of.
      for (const tenant of tenants) this.#book(tenant, rates.get(tenant) ?? { demand: 0, spent: 0 }, gain)
      return
    }
    const state = await this.#ask(node)
    if (state === undefined) return
    const samples = samplesOf(state.accounts, Date.now())
    for (const tenant of tenants) {
      const after = samples.get(tenant)
      if (after === undefined) continue
      const before = this.#samples.get(tenant)
      this.#samples.set(tenant, after)
      const rate = before === undefined ? undefined : rateBetween(before, after)
      if (rate !== undefined) this.#book(tenant, rate, gain)
    }
  }

  #book(tenant: string, { demand, spent }: TenantRate, gain: number): void {
    const known = this.#tenants.get(tenant)
    // Before a second reading the spread is a guess: half of what was seen.
    const forecast =
      known === undefined
        ? firstForecast(demand, demand / 2)
        : observe(known.forecast, demand, { ...DEFAULT_FORECAST, gain })
    this.#tenants.set(tenant, { demand, spent, forecast })
  }

  async #ask(node: string): Promise<NodeState | undefined> {
    let timer: ReturnType<typeof setTimeout> | null = null
    try {
      const late = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), MEASURING.timeoutMs)
      })
      return await Promise.race([this.#sources.state(node), late])
    } catch {
      return undefined // its tenants keep their last forecast
    } finally {
      if (timer !== null) clearTimeout(timer)
    }
  }

  /** Brings every node's energy account up to now. */
  accrue({ phaseOf, zones }: Surroundings, nowMs: number): void {
    const spent = this.#spentByNode()
    const rows = this.#store.all<NodeRow>('SELECT * FROM nodes WHERE deleted_ms IS NULL')
    for (const row of rows) {
      const { spec } = JSON.parse(row.manifest) as NodeManifest
      const asleep = phaseOf(row.name) === 'standby'
      const state = asleep ? 'asleep' : healthOf(row).phase === 'Failed' ? 'failed' : 'up'
      const standbyWatts = spec.standbyWatts ?? 0
      const power = {
        curve: powerCurve(powerOf(spec)),
        asleepWatts: Math.min(standbyWatts, spec.deepOffWatts ?? standbyWatts),
        capacity: spec.capacity,
      }
      const watts = wattsOf(power, state, spent.get(row.name) ?? 0)
      const { holdsUntilMs: _, ...zone } = zones.get(row.zone ?? '') ?? { holdsUntilMs: 0 }
      const known = this.#energy.get(row.name)
      const draw = { watts, ...zone }
      const account =
        known === undefined ? openEnergy(draw, asleep, nowMs) : accrue(known, draw, asleep, nowMs)
      this.#energy.set(row.name, account)
    }
    const names = new Set(rows.map(({ name }) => name))
    for (const node of this.#energy.keys()) if (!names.has(node)) this.#energy.delete(node)
  }

  /** What every node has used, by name. */
  energy(phaseOf: (node: string) => PowerPhase): EnergyView[] {
    const spent = this.#spentByNode()
    const share = (part: number, wh: number) => (wh === 0 ? 0 : part / wh)
    return [...this.#energy].sort(byName).flatMap(([node, account]) => {
      const row = this.#store.node(node)
      if (row === undefined) return []
      const { sinceMs, atMs, draw, wh, standbyWh, cost, grams, unknownMs } = account
      const load = (spent.get(node) ?? 0) / (row.capacity_micro / 1_000_000)
      const shares = { pricedShare: share(account.pricedWh, wh), gradedShare: share(account.gradedWh, wh) }
      const used = { wh, standbyWh, cost, grams, ...shares, unknownMs }
      return [{ node, phase: phaseOf(node), sinceMs, atMs, watts: draw.watts, load, ...used }]
    })
  }

  /** When {@link save} is due, ms. */
  get saveDueMs(): number {
    return this.#savedMs + MEASURING.saveMs
  }

  /** Writes forecasts and energy: one row a node, in one transaction. */
  save(nowMs: number): void {
    this.#savedMs = nowMs
    const forecasts = new Map<string, StoredForecast[]>()
    const homes = this.#store.all<{ name: string; node: string }>(
      'SELECT name, node FROM tenants WHERE node IS NOT NULL ORDER BY name',
    )
    for (const { name, node } of homes) {
      const measured = this.#tenants.get(name)
      if (measured === undefined) continue
      const { mean, variance, samples } = measured.forecast
      const rows = forecasts.get(node) ?? []
      if (rows.push([name, mean, variance, samples]) === 1) forecasts.set(node, rows)
    }
    this.#store.transaction(() => {
      this.#store.run('DELETE FROM measured WHERE node NOT IN (SELECT name FROM nodes)')
      for (const [node, energy] of this.#energy) {
        const kept = JSON.stringify(forecasts.get(node) ?? [])
        const values = [node, nowMs, kept, JSON.stringify(energy)] as const
        this.#store.run('INSERT OR REPLACE INTO measured VALUES (?, ?, ?, ?)', ...values)
      }
      return undefined
    })
  }

  #spentByNode(): Map<string, number> {
    const sums = new Map<string, number>()
    for (const { name, node } of this.#store.all<{ name: string; node: string }>(
      'SELECT name, node FROM tenants WHERE node IS NOT NULL',
    )) {
      sums.set(node, (sums.get(node) ?? 0) + (this.#tenants.get(name)?.spent ?? 0))
    }
    return sums
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
