import { toMicro } from '../../src/core/amount.ts'
import type { Events } from './events.ts'
import type { Random } from './random.ts'
import type { OpenPhase, Scenario, ScenarioAccount, ScenarioTenant, Traffic } from './scenario.ts'

/** One source of requests: a tenant without devices, or one device of a tenant. */
export interface Source {
  /** `tenant` or `tenant/device`. */
  readonly name: string
  readonly tenant: string
  readonly device?: string
  readonly maxWaitMs: number
  readonly traffic: Traffic
}

/** Sends one request; `ended` is told once whether it was admitted. */
export type Submit = (costMicro: number, maxWaitMs: number, ended: (admitted: boolean) => void) => void

/** Longest wait of a closed loop's thread: it always waits for its turn. */
const PATIENT_MS = 1e12
/** Pause of a closed loop's thread after a refusal, at least. */
const REFUSED_PAUSE_MS = 10

/** Who sends requests in a scenario. */
export function sourcesOf(scenario: Scenario): Source[] {
  return scenario.tenants.flatMap((tenant) =>
    tenant.devices === undefined
      ? [source(tenant.name, tenant, tenant)]
      : tenant.devices.map((device) => source(`${tenant.name}/${device.name}`, tenant, device, device.name)),
  )
}

function source(name: string, tenant: ScenarioTenant, from: ScenarioAccount, device?: string): Source {
  return {
    name,
    tenant: tenant.name,
    ...(device === undefined ? {} : { device }),
    maxWaitMs: from.maxWaitMs ?? tenant.maxWaitMs ?? 0,
    traffic: from.traffic ?? [],
  }
}

/** Tokens to micro-tokens, the nearest whole one. */
export function microOf(tokens: number): number {
  return toMicro(Math.round(tokens * 1e6) / 1e6)
}

/** Lets a source send its requests until `durationMs`. */
export function drive(
  source: Source,
  durationMs: number,
  events: Events,
  random: Random,
  submit: Submit,
): void {
  const traffic = source.traffic
  if (Array.isArray(traffic)) {
    for (const phase of traffic) driveOpen(source, phase, durationMs, events, random, submit)
    return
  }
  const cost = microOf(traffic.cost ?? 1)
  let callsLeft = (traffic.calls ?? Number.POSITIVE_INFINITY) * traffic.threads
  const call = () => {
    if (callsLeft-- <= 0) return
    submit(cost, PATIENT_MS, (admitted) => {
      const pauseMs = admitted ? traffic.execMs + traffic.thinkMs : traffic.thinkMs + REFUSED_PAUSE_MS
      events.after(Math.max(pauseMs, 0.001), call)
    })
  }
  for (let i = 0; i < traffic.threads; i++) events.at(0, call)
}

function driveOpen(
  source: Source,
  phase: OpenPhase,
  durationMs: number,
  events: Events,
  random: Random,
  submit: Submit,
): void {
  if (phase.perSecond === 0) return
  const gapMs = 1000 / phase.perSecond
  const cost = microOf(phase.cost ?? 1)
  const endMs = Math.min(phase.toMs, durationMs)
  const poisson = phase.arrivals === 'poisson'
  const pause = () => (poisson ? -Math.log(1 - random()) * gapMs : gapMs)
  // Even streams of different tenants start at different places, so that none always comes first.
  let atMs = phase.fromMs + (poisson ? pause() : random() * gapMs)
  const arrive = () => {
    submit(cost, source.maxWaitMs, () => {})
    atMs += pause()
    if (atMs < endMs) events.at(atMs, arrive)
  }
  if (atMs < endMs) events.at(atMs, arrive)
}
