import {
  DEFAULT_FORECAST,
  type Forecast,
  type ForecastSettings,
  firstForecast,
  observe,
} from '../../src/core/planner/forecast.ts'
import { applyPlan, remember } from '../../src/core/planner/memory.ts'
import {
  EMPTY_MEMORY,
  type Plan,
  type PlanInput,
  type PlannerMemory,
  type PlannerNode,
  type PlannerTenant,
  type ZoneSignal,
} from '../../src/core/planner/model.ts'
import { plan } from '../../src/core/planner/plan.ts'
import { DEFAULT_SETTINGS, type PlannerSettings, type ProfileName } from '../../src/core/planner/settings.ts'
import type { Datacentre, Migration } from './datacentre.ts'
import type { Policy } from './run.ts'

/** Where hosts stand and what electricity costs there at a second of the day. */
export interface ZonePlan {
  readonly zoneOf: (host: number) => string
  readonly signalsAt: (second: number) => Readonly<Record<string, ZoneSignal>>
}

export const ONE_ZONE: ZonePlan = { zoneOf: () => 'here', signalsAt: () => ({}) }

/**
 * The one setting of all published runs, chosen on these days (`docs/placement.md` has the front). CloudSim's
 * hosts wake at once, so the waits and hourly budgets that protect a real cluster are off; a tenant stays at
 * least two hours, and head-room is in the forecast (z) rather than in idle nodes.
 */
export const SIMULATION_SETTINGS: PlannerSettings = {
  ...DEFAULT_SETTINGS,
  profile: 'eco',
  z: 2.45,
  riskLoad: 1.15,
  packLoad: 1,
  packDemand: 0.98,
  overloadLoad: 1,
  lastingLoad: 0.97,
  sleepBelowLoad: 0.7,
  sleepAfterMs: 0,
  wakeAboveLoad: 0.95,
  minStayMs: 2 * 3_600_000,
  minUpMs: 0,
  moveCost: 1.1,
  minGainPerDisruption: 0.8,
  nodesPerHour: 1e9,
  tenantsPerHour: 1e9,
  headroomShare: 0.02,
  headroomNodes: 0,
}

/** How the simulated operator has set the planner up. */
export interface Tuning {
  readonly settings: PlannerSettings
  readonly forecast: ForecastSettings
  /** First guess of a machine's standard deviation: so much of its MIPS and so much of its mean. */
  readonly deviationOfMips: number
  readonly deviationOfMean: number
}

export const SIMULATION_TUNING: Tuning = {
  settings: SIMULATION_SETTINGS,
  forecast: { ...DEFAULT_FORECAST, meanPriorSamples: 0.6 },
  deviationOfMips: 0.005,
  deviationOfMean: 0.35,
}

/** The real planner at the controls of a simulated data centre. */
export function plannerPolicy(
  profile: ProfileName,
  zones = ONE_ZONE,
  tuning: Tuning = SIMULATION_TUNING,
  onPlan: (made: Plan) => void = () => {},
): Policy {
  const settings = { ...tuning.settings, profile }
  const forecasts = new Map<number, Forecast>()
  const hostName = (host: number) => `h${String(host).padStart(4, '0')}`
  const vmName = (vm: number) => `m${String(vm).padStart(4, '0')}`
  let memory: PlannerMemory = EMPTY_MEMORY

  function nodesOf(dc: Datacentre): PlannerNode[] {
    return dc.hostTypes.map((type, host) => ({
      id: hostName(host),
      capacity: dc.hostMips[host]!,
      zone: zones.zoneOf(host),
      feePerHour: 0,
      power: type.watts,
      standbyWatts: dc.options.standbyWatts,
      deepOffWatts: null,
      wakeMs: 0,
      hazard: 0,
      state: dc.awake[host] === 1 || dc.residents[host]!.length > 0 ? 'active' : 'standby',
    }))
  }

  function firstLook(demand: number, mips: number, usual: number): Forecast {
    const { forecast, deviationOfMips, deviationOfMean } = tuning
    const { mean } = firstForecast(demand, 0, usual * mips, forecast)
    const deviation = deviationOfMips * mips + deviationOfMean * mean
    return firstForecast(demand, deviation, usual * mips, forecast)
  }

  function tenantsOf(dc: Datacentre): PlannerTenant[] {
    const tenants: PlannerTenant[] = []
    const usual = usualLoad(dc)
    for (let vm = 0; vm < dc.vmCount; vm++) {
      const host = dc.vmHost[vm]!
      if (host < 0) continue
      const demand = dc.demand[vm]!
      const old = forecasts.get(vm)
      const next =
        old === undefined ? firstLook(demand, dc.vmMips[vm]!, usual) : observe(old, demand, tuning.forecast)
      forecasts.set(vm, next)
      tenants.push({
        id: vmName(vm),
        node: hostName(host),
        base: dc.vmBaseMips[vm]!,
        demand,
        mean: next.mean,
        variance: next.variance,
        criticality: 0,
        zones: [],
        group: null,
        pin: null,
        stateBytes: dc.vmRamMb[vm]! * 1e6,
      })
    }
    return tenants
  }

  function decide(dc: Datacentre): Migration[] {
    const nowMs = Math.round(dc.now * 1000)
    const seen: PlanInput = {
      nowMs,
      nodes: nodesOf(dc),
      tenants: tenantsOf(dc),
      signals: zones.signalsAt(dc.now),
      memory,
    }
    const input = { ...seen, memory: remember(seen, settings) }
    const decision = plan(input, settings, { compare: false })
    memory = applyPlan(input, decision).memory
    onPlan(decision)
    const hostOf = (name: string) => Number(name.slice(1))
    for (const node of decision.wake) dc.awake[hostOf(node)] = 1
    for (const node of decision.standby) dc.awake[hostOf(node)] = 0
    return decision.moves.map(({ tenant, to }) => ({ vm: Number(tenant.slice(1)), host: hostOf(to) }))
  }

  return { initial: 'best-fit', decide }
}

/** What the machines ask for now, as a share of their MIPS. */
function usualLoad(dc: Datacentre): number {
  let asked = 0
  let mips = 0
  for (let vm = 0; vm < dc.vmCount; vm++) {
    if (dc.vmHost[vm]! < 0) continue
    asked += dc.demand[vm]!
    mips += dc.vmMips[vm]!
  }
  return mips === 0 ? 0 : asked / mips
}
