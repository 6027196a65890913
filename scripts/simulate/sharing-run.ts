import type { AccountSettings } from '../../src/core/account.ts'
import { toMicro, toTokens } from '../../src/core/amount.ts'
import { Ledger } from '../../src/core/ledger.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { DirectGate } from './direct-gate.ts'
import { Events } from './events.ts'
import { type Random, randomFrom } from './random.ts'
import type { Scenario, ScenarioTenant, Traffic } from './scenario.ts'
import { SimEdge } from './sim-edge.ts'

/** What a sharing run reports; tokens per second, in the windows asked for. */
export interface SharingReport {
  readonly windows: readonly {
    readonly fromMs: number
    readonly toMs: number
    readonly granted: Record<string, number>
    readonly refused: Record<string, number>
  }[]
  /** Largest sum of grants in any window of one round, over what a round may hand out. */
  readonly largestWindowOverRound: number
  readonly messagesPer1000: number
  /** Share of an account's admissions that did not wait for the node. */
  readonly zeroHop: Record<string, number>
}

/** One source of requests: a tenant without devices, or one device of a tenant. */
interface Source {
  readonly name: string
  readonly tenant: string
  readonly device?: string
  readonly cost: number
  readonly maxWaitMs: number
  readonly traffic: Traffic
}

/** Admits or refuses one request of a source; answers at once or later. */
type Gate = (source: Source, cost: number, maxWaitMs: number, done: Done) => void
type Done = (admitted: boolean, hop: boolean) => void

interface Counted {
  readonly source: Source
  readonly atMs: number
  readonly tokens: number
  readonly admitted: boolean
}

/** Longest wait of a closed loop's thread: it always waits for its turn. */
const PATIENT_MS = 1e12

/** Runs a scenario with the real ledger, and with `edges` > 0 the real lease book over a simulated network. */
export function runSharing(scenario: Scenario, onProgress?: (share: number) => void): SharingReport {
  const random = randomFrom(scenario.seed)
  const events = new Events()
  const ledger = new Ledger({
    roundTokens: perRound(scenario.capacity, scenario.roundMs),
    roundMs: scenario.roundMs,
    nowMs: 0,
  })
  const sessions = new Sessions({ ledger, life: 'sim', nowMs: 0 })
  for (const tenant of scenario.tenants) openTenant(sessions, tenant, scenario.roundMs)
  const sources = scenario.tenants.flatMap(sourcesOf)
  const log: Counted[] = []
  const hops = new Map<string, { admitted: number; direct: number }>()
  let requests = 0
  let messages = 0
  const gate =
    scenario.edges === 0
      ? directGate(sessions, events)
      : leasedGate(scenario, sessions, events, random, () => messages++)
  for (const source of sources) {
    hops.set(source.name, { admitted: 0, direct: 0 })
    const submit = (cost: number, maxWaitMs: number, ended: (admitted: boolean) => void) => {
      requests++
      gate(source, cost, maxWaitMs, (admitted, hop) => {
        log.push({ source, atMs: events.nowMs, tokens: toTokens(cost), admitted })
        if (admitted) count(hops.get(source.name)!, hop)
        ended(admitted)
      })
    }
    drive(source, scenario.durationMs, events, random, submit)
  }
  for (let step = 1; step <= 100; step++) {
    events.runUntil((scenario.durationMs * step) / 100)
    onProgress?.(step / 100)
  }
  return report(scenario, sources, log, hops, requests, messages)
}

function count(hop: { admitted: number; direct: number }, hopped: boolean): void {
  hop.admitted++
  if (!hopped) hop.direct++
}

/** Tokens a second as micro-tokens a round. */
function perRound(tokensPerSecond: number, roundMs: number): number {
  return Math.round((toMicro(tokensPerSecond) * roundMs) / 1000)
}

function settingsOf(account: Omit<ScenarioTenant, 'traffic' | 'devices'>, roundMs: number): AccountSettings {
  return {
    baseTokens: perRound(account.base, roundMs),
    // Weights are relative; by default they are the bases, so both are in the same unit.
    ...(account.weight === undefined ? {} : { weight: perRound(account.weight, roundMs) }),
    ...(account.priority === undefined ? {} : { priority: account.priority }),
    ...(account.ceiling === undefined ? {} : { ceilingTokens: perRound(account.ceiling, roundMs) }),
    ...(account.lendable === undefined ? {} : { lendable: account.lendable }),
    ...(account.borrows === undefined ? {} : { borrows: account.borrows }),
  }
}

function openTenant(sessions: Sessions, tenant: ScenarioTenant, roundMs: number): void {
  const devices = tenant.devices?.map((device) => ({
    name: device.name,
    settings: settingsOf(device, roundMs),
  }))
  sessions.open({
    tenant: tenant.name,
    epoch: 1,
    settings: settingsOf(tenant, roundMs),
    ...(devices === undefined ? {} : { devices }),
  })
}

function sourcesOf(tenant: ScenarioTenant): Source[] {
  const one = (
    name: string,
    from: { traffic?: Traffic | undefined; maxWaitMs?: number | undefined },
    device?: string,
  ) => ({
    name,
    tenant: tenant.name,
    ...(device === undefined ? {} : { device }),
    cost: toMicro(Array.isArray(from.traffic) ? 1 : (from.traffic?.cost ?? 1)),
    maxWaitMs: from.maxWaitMs ?? tenant.maxWaitMs ?? 0,
    traffic: from.traffic ?? [],
  })
  if (tenant.devices === undefined) return [one(tenant.name, tenant)]
  return tenant.devices.map((device) => one(`${tenant.name}/${device.name}`, device, device.name))
}

function directGate(sessions: Sessions, events: Events): Gate {
  const gate = new DirectGate(sessions, events)
  return (source, cost, maxWaitMs, done) =>
    gate.request(source.tenant, source.device, cost, maxWaitMs, (admitted) => done(admitted, false))
}

function leasedGate(
  scenario: Scenario,
  sessions: Sessions,
  events: Events,
  random: Random,
  onMessage: () => void,
): Gate {
  const [minMs, maxMs] = scenario.rttMs
  const nowMs = () => Math.floor(events.nowMs)
  const edges = Array.from({ length: scenario.edges }, (_, i) => {
    return new SimEdge(`edge-${i}`, {
      nowMs,
      after: (delayMs, run) => events.after(delayMs, run),
      deadlineMs: Math.max(2_000, 4 * maxMs),
      send: (message, answer) => {
        const wayMs = (minMs + random() * (maxMs - minMs)) / 2
        onMessage()
        events.after(wayMs, () => {
          const reply = sessions.answer(message, nowMs())
          events.after(wayMs, () => answer(reply))
        })
      },
    })
  })
  return (source, cost, maxWaitMs, done) => {
    const edge = edges[Math.floor(random() * edges.length)]!
    edge.request({
      tenant: source.tenant,
      ...(source.device === undefined ? {} : { device: source.device }),
      cost,
      maxWaitMs,
      done: (ended, hop) => done(ended === 'admitted', hop),
    })
  }
}

type Submit = (cost: number, maxWaitMs: number, ended: (admitted: boolean) => void) => void

function drive(source: Source, durationMs: number, events: Events, random: Random, submit: Submit): void {
  const traffic = source.traffic
  if (Array.isArray(traffic)) {
    for (const phase of traffic) driveOpen(source, phase, durationMs, events, random, submit)
    return
  }
  let callsLeft = traffic.calls === undefined ? Number.POSITIVE_INFINITY : traffic.calls * traffic.threads
  const call = () => {
    if (callsLeft-- <= 0) return
    submit(source.cost, PATIENT_MS, () => events.after(traffic.execMs + traffic.thinkMs, call))
  }
  for (let i = 0; i < traffic.threads; i++) events.at(0, call)
}

function driveOpen(
  source: Source,
  phase: Extract<Traffic, readonly unknown[]>[number],
  durationMs: number,
  events: Events,
  random: Random,
  submit: Submit,
): void {
  if (phase.perSecond <= 0) return
  const gapMs = 1000 / phase.perSecond
  const cost = phase.cost === undefined ? source.cost : toMicro(phase.cost)
  const endMs = Math.min(phase.toMs, durationMs)
  const poisson = phase.arrivals === 'poisson'
  let index = 0
  let atMs = phase.fromMs
  const next = () => {
    index++
    atMs = poisson ? atMs - Math.log(1 - random()) * gapMs : phase.fromMs + index * gapMs
    if (atMs < endMs) events.at(atMs, arrive)
  }
  const arrive = () => {
    submit(cost, source.maxWaitMs, () => {})
    next()
  }
  // Even streams of different tenants start at different places, so that none always comes first.
  if (poisson) next()
  else {
    atMs += random() * gapMs
    const offsetMs = atMs - phase.fromMs
    phase = { ...phase, fromMs: phase.fromMs + offsetMs }
    if (atMs < endMs) events.at(atMs, arrive)
  }
}

function report(
  scenario: Scenario,
  sources: readonly Source[],
  log: readonly Counted[],
  hops: ReadonlyMap<string, { admitted: number; direct: number }>,
  requests: number,
  messages: number,
): SharingReport {
  const windows = (scenario.report ?? [[0, scenario.durationMs]]).map(([fromMs, toMs]) => {
    const inside = log.filter((entry) => entry.atMs >= fromMs && entry.atMs < toMs)
    const rate = (admitted: boolean) =>
      Object.fromEntries(
        sources.map((source) => {
          let sum = 0
          for (const e of inside) if (e.source === source && e.admitted === admitted) sum += e.tokens
          return [source.name, round((sum * 1000) / (toMs - fromMs))]
        }),
      )
    return { fromMs, toMs, granted: rate(true), refused: rate(false) }
  })
  const zeroHop = Object.fromEntries(
    sources.map(({ name }) => {
      const { admitted, direct } = hops.get(name)!
      return [name, admitted === 0 ? 1 : round(direct / admitted)]
    }),
  )
  return {
    windows,
    largestWindowOverRound: round(largestWindow(scenario, log)),
    messagesPer1000: requests === 0 ? 0 : round((messages * 1000) / requests),
    zeroHop,
  }
}

function largestWindow(scenario: Scenario, log: readonly Counted[]): number {
  const grants = log.filter((entry) => entry.admitted)
  let sum = 0
  let largest = 0
  for (let from = 0, to = 0; to < grants.length; to++) {
    sum += grants[to]!.tokens
    while (grants[to]!.atMs - grants[from]!.atMs >= scenario.roundMs) sum -= grants[from++]!.tokens
    largest = Math.max(largest, sum)
  }
  return largest / ((scenario.capacity * scenario.roundMs) / 1000)
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
