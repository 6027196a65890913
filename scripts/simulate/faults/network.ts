import type { Events } from '../events.ts'
import type { Dice, FaultPlan } from './plan.ts'

/** Nobody hears of anybody. */
const EVERYBODY = ''

/** What of a plan the network has to know. */
export type NetworkPlan = Pick<FaultPlan, 'rttMs' | 'windows' | 'rates' | 'longestDelayMs'>

/** Counts what befell messages. */
export interface NetworkTally {
  count(name: 'lost' | 'repeated' | 'delayed' | 'reordered' | 'cutOff'): void
}

/**
 * Carries messages between parties: late, twice, in another order or not at all while the plan says so, and
 * in a plain round trip otherwise.
 */
export class SimNetwork {
  readonly #events: Events
  readonly #plan: NetworkPlan
  readonly #dice: Dice
  readonly #tally: NetworkTally
  readonly #cutUntilMs = new Map<string, number>()
  readonly #forced: ('lose' | 'repeat' | 'delay')[] = []
  /** Per way: number of the last message sent, and the latest that arrived. */
  readonly #sent = new Map<string, number>()
  readonly #arrived = new Map<string, number>()
  #underWay = 0

  constructor(events: Events, plan: NetworkPlan, dice: Dice, tally: NetworkTally) {
    this.#events = events
    this.#plan = plan
    this.#dice = dice
    this.#tally = tally
  }

  /** Messages that have not arrived yet. */
  get underWay(): number {
    return this.#underWay
  }

  /** Befalls the next message, whoever sends it. */
  force(how: 'lose' | 'repeat' | 'delay'): void {
    this.#forced.push(how)
  }

  /** Separates a party from all others, two of them (`a|b`) from each other, or everybody from everybody. */
  cut(end: string | undefined, lastsMs: number): void {
    this.#cutUntilMs.set(end ?? EVERYBODY, this.#events.nowMs + lastsMs)
  }

  /**
   * Carries one message one way.
   *
   * @param ends what a cut may name: who sends, who is sent to, the two together
   * @param way name of the way, for telling the order of arrival
   */
  carry(ends: readonly string[], way: string, arrive: () => void): void {
    const number = (this.#sent.get(way) ?? 0) + 1
    this.#sent.set(way, number)
    if (this.#isCut(ends)) {
      this.#tally.count('cutOff')
      return
    }
    const forced = this.#forced.shift()
    const fate = forced ?? this.#fate()
    if (fate === 'lose') {
      this.#tally.count('lost')
      return
    }
    const lateMs = forced === undefined ? this.#lateMs() : this.#plan.longestDelayMs
    this.#deliver(way, number, fate === 'delay' ? lateMs : 0, arrive)
    if (fate === 'delay') this.#tally.count('delayed')
    if (fate !== 'repeat') return
    this.#tally.count('repeated')
    this.#deliver(way, number, lateMs, arrive)
  }

  #deliver(way: string, number: number, lateMs: number, arrive: () => void): void {
    const [least, most] = this.#plan.rttMs
    const wayMs = (least + this.#dice.upTo(most - least)) / 2 + lateMs
    this.#underWay++
    this.#events.after(wayMs, () => {
      this.#underWay--
      const latest = this.#arrived.get(way) ?? 0
      if (number < latest) this.#tally.count('reordered')
      this.#arrived.set(way, Math.max(number, latest))
      arrive()
    })
  }

  /** Some late by a little, some by rounds. */
  #lateMs(): number {
    const longest = this.#plan.longestDelayMs
    return this.#dice.roll(0.5) ? this.#dice.upTo(longest / 30) : this.#dice.upTo(longest)
  }

  #isCut(ends: readonly string[]): boolean {
    const nowMs = this.#events.nowMs
    const cut = (end: string) => nowMs < (this.#cutUntilMs.get(end) ?? 0)
    return cut(EVERYBODY) || ends.some(cut)
  }

  #fate(): 'lose' | 'repeat' | 'delay' | undefined {
    const nowMs = this.#events.nowMs
    if (!this.#plan.windows.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs < toMs)) return undefined
    const { lose, repeat, delay } = this.#plan.rates
    let chance = this.#dice.upTo(1)
    if (chance < lose) return 'lose'
    chance -= lose
    if (chance < repeat) return 'repeat'
    return chance - repeat < delay ? 'delay' : undefined
  }
}
