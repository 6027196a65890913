import type { Events } from '../events.ts'
import type { Dice, FaultPlan, PlannedAccount } from './plan.ts'

/** What of a plan the traffic has to know. */
export type TrafficPlan = Pick<FaultPlan, 'accounts' | 'roundMs' | 'healAtMs' | 'endMs' | 'edges'>

/** Makes one request, at a random isolate unless a place is named. */
export type MakeRequest = (account: PlannedAccount, cost: number, edge?: number) => void

/** After healing, every isolate is asked for every account once in so many rounds. */
const HEALED_GAP_ROUNDS = 1.5

/** Starts the requests of every account, until the plan's healing, and the light ones after it. */
export function startTraffic(plan: TrafficPlan, events: Events, dice: Dice, make: MakeRequest): void {
  for (const account of plan.accounts) {
    const { demand } = account
    const gapMs = plan.roundMs / demand.perRound
    const arrive = (delayMs: number, onUntilMs: number) => {
      const atMs = events.nowMs + delayMs
      if (atMs >= plan.healAtMs) return
      events.at(atMs, () => {
        make(account, dice.of(account.costs))
        if (demand.kind === 'inShare') return arrive(gapMs, onUntilMs)
        const nextMs = -Math.log(1 - dice.upTo(1)) * gapMs
        if (demand.kind === 'backlog' || atMs + nextMs < onUntilMs) return arrive(nextMs, onUntilMs)
        const pauseMs = demand.offRounds * plan.roundMs
        arrive(nextMs + pauseMs, onUntilMs + pauseMs + demand.onRounds * plan.roundMs)
      })
    }
    const onRounds = demand.kind === 'flood' ? demand.onRounds : 0
    arrive(dice.upTo(gapMs), onRounds * plan.roundMs)
    for (let edge = 0; edge < plan.edges; edge++) startHealed(plan, events, dice, account, edge, make)
  }
}

function startHealed(
  plan: TrafficPlan,
  events: Events,
  dice: Dice,
  account: PlannedAccount,
  edge: number,
  make: MakeRequest,
): void {
  const gapMs = HEALED_GAP_ROUNDS * plan.roundMs
  for (let atMs = plan.healAtMs + dice.upTo(gapMs); atMs < plan.endMs; atMs += gapMs) {
    events.at(atMs, () => make(account, account.costs[0]!, edge))
  }
}
