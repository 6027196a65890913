import type { AccountSettings } from '../../src/core/account.ts'
import { Ledger } from '../../src/core/ledger.ts'
import { Sessions } from '../../src/core/sessions.ts'
import { DirectGate } from './direct-gate.ts'
import { Events } from './events.ts'
import { type Random, randomFrom } from './random.ts'
import type { Scenario, ScenarioAccount } from './scenario.ts'
import { type SharingReport, SharingTally } from './sharing-report.ts'
import { drive, microOf, type Source, sourcesOf } from './sharing-traffic.ts'
import { SimEdge } from './sim-edge.ts'

/** Admits or refuses one request of a source; answers at once or later, and says whether it was asked for. */
type Gate = (
  source: Source,
  costMicro: number,
  maxWaitMs: number,
  done: (admitted: boolean, hop: boolean) => void,
) => void

/** Steps in which progress is told. */
const STEPS = 100

/**
 * Runs a scenario with the real ledger, and with `edges` > 0 the real lease book over a simulated network. The
 * same scenario gives the same report.
 *
 * @param onProgress told the share that is done, 0…1.
 */
export function runSharing(scenario: Scenario, onProgress?: (share: number) => void): SharingReport {
  const { capacity, roundMs, durationMs } = scenario
  const random = randomFrom(scenario.seed)
  const events = new Events()
  const ledger = new Ledger({ roundTokens: Math.max(1, perRound(capacity, roundMs)), roundMs, nowMs: 0 })
  const sessions = new Sessions({ ledger, life: 'sim', nowMs: 0 })
  for (const tenant of scenario.tenants) {
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
  const sources = sourcesOf(scenario)
  const tally = new SharingTally(
    scenario,
    sources.map(({ name }) => name),
  )
  const gate =
    scenario.edges === 0
      ? directGate(sessions, events)
      : leasedGate(scenario, sessions, events, random, () => tally.messages++)
  for (const source of sources) {
    drive(source, durationMs, events, random, (cost, maxWaitMs, ended) => {
      tally.requests++
      gate(source, cost, maxWaitMs, (admitted, hop) => {
        tally.count(source.name, events.nowMs, cost, admitted, hop)
        ended(admitted)
      })
    })
  }
  for (let step = 1; step <= STEPS; step++) {
    events.runUntil((durationMs * step) / STEPS)
    onProgress?.(step / STEPS)
  }
  return tally.report()
}

/** Tokens/s as micro-tokens a round. Rounded down, so that bases that fit together still do. */
function perRound(tokensPerSecond: number, roundMs: number): number {
  return Math.floor((microOf(tokensPerSecond) * roundMs) / 1000)
}

function settingsOf(account: ScenarioAccount, roundMs: number): AccountSettings {
  return {
    baseTokens: perRound(account.base, roundMs),
    // Weights are relative; by default they are the bases, so both are in the same unit.
    ...(account.weight === undefined ? {} : { weight: account.weight * 1000 * roundMs }),
    ...(account.priority === undefined ? {} : { priority: account.priority }),
    ...(account.ceiling === undefined ? {} : { ceilingTokens: perRound(account.ceiling, roundMs) }),
    ...(account.lendable === undefined ? {} : { lendable: account.lendable }),
    ...(account.borrows === undefined ? {} : { borrows: account.borrows }),
  }
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
