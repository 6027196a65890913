import type { Events } from '../events.ts'
import type { Dice, FaultPlan } from './plan.ts'
import type { Tally } from './tally.ts'

/** Nobody hears of anybody. */
const EVERYBODY = -1

/**
 * Carries messages between edges and the node: late, twice, in another order or not at all while the plan
 * says so, and in a plain round trip otherwise.
 */
export class SimNetwork {
  readonly #events: Events
  readonly #plan: FaultPlan
  readonly #dice: Dice
  readonly #tally: Tally
  readonly #cutUntilMs = new Map<number, number>()
  readonly #forced: ('lose' | 'repeat' | 'delay')[] = []
  /** Per way: number of the last message sent, and the latest that arrived. */
  readonly #sent = new Map<string, number>()
  readonly #arrived = new Map<string, number>()
  #underWay = 0

  constructor(events: Events, plan: FaultPlan, dice: Dice, tally: Tally) {
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

  /** Separates an edge, or everybody, from the node. */
  cut(edge: number | undefined, lastsMs: number): void {
    this.#cutUntilMs.set(edge ?? EVERYBODY, this.#events.nowMs + lastsMs)
  }

  /**
   * Carries one message one way.
   *
   * @param edge place of the edge it comes from or goes to
   * @param way name of the way, for telling the order of arrival
   */
  carry(edge: number, way: string, arrive: () => void): void {
    const number = (this.#sent.get(way) ?? 0) + 1
    this.#sent.set(way, number)
    if (this.#isCut(edge)) {
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

  #isCut(edge: number): boolean {
    const nowMs = this.#events.nowMs
    return [edge, EVERYBODY].some((key) => nowMs < (this.#cutUntilMs.get(key) ?? 0))
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
