import type { Events } from '../events.ts'
import type { Dice } from '../faults/plan.ts'

/** Longest time until a write is durable, milliseconds. */
const LONGEST_FSYNC_MS = 20

/** Counts what a crash did to writes. */
export interface DiskTally {
  count(name: 'writeLost' | 'writeKept'): void
}

/**
 * When writes are durable: in order, some time after they were made. A crash keeps a first part of them and
 * loses the rest; nothing that waited for them happens then.
 */
export class Disk {
  readonly #events: Events
  readonly #dice: Dice
  readonly #tally: DiskTally
  /** Whether what leaves a party waits for its writes, as behind the platform's output gate. */
  readonly #holds: boolean
  #life = 0
  #gateMs = 0
  #pending: (() => void)[] = []
  #atNextWrite: (() => void) | undefined

  constructor(events: Events, dice: Dice, tally: DiskTally, holds: boolean) {
    this.#events = events
    this.#dice = dice
    this.#tally = tally
    this.#holds = holds
  }

  get isClean(): boolean {
    return this.#pending.length === 0
  }

  /** Makes a write: `apply` is called when it is durable. */
  write(apply: () => void): void {
    const life = this.#life
    this.#pending.push(apply)
    this.#gateMs = Math.max(this.#gateMs, this.#events.nowMs + 1 + this.#dice.upTo(LONGEST_FSYNC_MS))
    this.#events.at(this.#gateMs, () => {
      if (life === this.#life) this.#pending.shift()!()
    })
    const crash = this.#atNextWrite
    this.#atNextWrite = undefined
    if (crash !== undefined) this.#events.after(this.#dice.upTo(this.#gateMs - this.#events.nowMs), crash)
  }

  /** Does `run` when all that was written before is durable; never, if a crash comes first. */
  whenDurable(run: () => void): void {
    if (!this.#holds || this.isClean) {
      run()
      return
    }
    const life = this.#life
    this.#events.at(this.#gateMs, () => {
      if (life === this.#life) run()
    })
  }

  /** Has `crash` happen while the next write is under way. */
  armCrash(crash: () => void): void {
    this.#atNextWrite = crash
  }

  /** No answer does not mean not done: what was being written may or may not be durable, in order. */
  crash(): void {
    this.#life++
    this.#gateMs = 0
    this.#atNextWrite = undefined
    while (this.#pending.length > 0 && this.#dice.roll(0.5)) {
      this.#pending.shift()!()
      this.#tally.count('writeKept')
    }
    if (this.#pending.length > 0) this.#tally.count('writeLost')
    this.#pending = []
  }
}
