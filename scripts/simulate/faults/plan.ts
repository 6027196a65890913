import type { AccountSettings } from '../../../src/core/account.ts'
import { toMicro } from '../../../src/core/amount.ts'
import { type Random, randomFrom } from '../random.ts'

/** How an account's requests arrive. */
export type Demand =
  /** At even distances, so many requests a round: inside its share. */
  | { readonly kind: 'inShare'; readonly perRound: number }
  /** At random and without a pause, always more than its base. */
  | { readonly kind: 'backlog'; readonly perRound: number }
  /** At random, in phases of so many rounds on and off. */
  | {
      readonly kind: 'flood'
      readonly perRound: number
      readonly onRounds: number
      readonly offRounds: number
    }

/** A tenant, or one device of a tenant, and what is asked of it. */
export interface PlannedAccount {
  readonly tenant: string
  readonly device?: string
  readonly settings: AccountSettings
  readonly demand: Demand
  readonly costs: readonly number[]
  readonly maxWaitMs: number
}

/** Something that befalls the world at a moment. */
export type PlannedFault = NewLife | PassingFault

/** Ends every session of the node. */
export type NewLife = {
  readonly atMs: number
  readonly lastsMs: number
  /**
   * If given, it waits until the run has seen a session lapse and its tokens presumed spent, and is over by then,
   * however short it becomes.
   */
  readonly overByMs?: number
} & (
  | { readonly kind: 'nodeCrash'; readonly duringWrite: boolean }
  /** The node starts anew elsewhere while the old object lives on and is still sent messages. */
  | { readonly kind: 'staleTwin' }
)

type PassingFault = { readonly atMs: number } & (
  | { readonly kind: 'message'; readonly how: 'lose' | 'repeat' | 'delay' }
  /** With `holding` not at once, but after the next answer with which it holds granted tokens it has not used. */
  | { readonly kind: 'edgeCrash'; readonly edge: number; readonly downMs: number; readonly holding: boolean }
  | { readonly kind: 'edgeClock' | 'nodeClock'; readonly edge: number; readonly stepMs: number }
  /** An edge (or, without one, every edge) and the node do not hear of each other. */
  | { readonly kind: 'cut'; readonly edge?: number; readonly lastsMs: number }
  | { readonly kind: 'capacity'; readonly factor: number }
  | { readonly kind: 'settings'; readonly account: number; readonly factor: number }
)

/** A run, decided by its seed alone. Times in simulated milliseconds, amounts in micro-tokens a round. */
export interface FaultPlan {
  readonly seed: number
  readonly roundMs: number
  readonly roundTokens: number
  readonly edges: number
  readonly rttMs: readonly [number, number]
  readonly accounts: readonly PlannedAccount[]
  /** While messages are lost, repeated and delayed at these rates. */
  readonly windows: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly rates: { readonly lose: number; readonly repeat: number; readonly delay: number }
  readonly longestDelayMs: number
  readonly faults: readonly PlannedFault[]
  /** From here on everything is well and little is asked; requests end at `endMs`. */
  readonly healAtMs: number
  readonly endMs: number
}

/** Parts of a run, in rounds. */
const CALM_AT_FIRST = 5
const FAULTY = 9
const CALM_AGAIN = 13
const HEAL = 6
/** So long after an isolate's last message its sessions have lapsed. */
const LAPSED_BY_ROUNDS = 3.5
/** Longest pause between two attempts of an edge to reach its node, with a margin. */
const HEAL_AT_LEAST_MS = 7_000
const HOUR_MS = 3_600_000

/** Draws a run. */
export function planOf(seed: number): FaultPlan {
  const random = randomFrom(seed ^ 0x51f7)
  const dice = new Dice(random)
  const roundMs = dice.of([500, 1000])
  const edges = dice.int(3, 6)
  const first = CALM_AT_FIRST * roundMs
  const second = first + (FAULTY + CALM_AGAIN) * roundMs
  const windows = [first, second].map((fromMs) => ({ fromMs, toMs: fromMs + FAULTY * roundMs }))
  const healAtMs = second + (FAULTY + CALM_AGAIN) * roundMs
  const rttMin = dice.int(2, 20)
  const tokens = dice.int(100, 180)
  const accounts = accountsOf(dice, tokens, roundMs)
  return {
    seed,
    roundMs,
    roundTokens: toMicro(tokens),
    edges,
    rttMs: [rttMin, rttMin + dice.int(0, 50)],
    accounts,
    windows,
    rates: { lose: dice.upTo(0.1), repeat: dice.upTo(0.1), delay: dice.upTo(0.1) },
    longestDelayMs: 3 * roundMs,
    faults: windows.flatMap((window, i) => faultsOf(dice, window.fromMs, roundMs, edges, accounts, i)),
    healAtMs,
    endMs: healAtMs + Math.max(HEAL * roundMs, HEAL_AT_LEAST_MS),
  }
}

function accountsOf(dice: Dice, tokens: number, roundMs: number): PlannedAccount[] {
  const base = (share: number) => toMicro(Math.floor(tokens * share))
  const patience = () => dice.of([0, 0, roundMs / 2, 2 * roundMs])
  const inShare = (tenant: string, share: number): PlannedAccount => ({
    tenant,
    settings: { baseTokens: base(share), lendable: dice.of([1, 1, 0.5]) },
    // The rest of a base as small as this may lie in the leases of other isolates.
    demand: { kind: 'inShare', perRound: tokens * share * (0.25 + dice.upTo(0.3)) },
    costs: [toMicro(1)],
    maxWaitMs: patience(),
  })
  const flood = (tenant: string, share: number, more: Partial<AccountSettings>): PlannedAccount => ({
    tenant,
    settings: { baseTokens: base(share), weight: base(share) + 1, priority: dice.int(3, 5), ...more },
    demand: {
      kind: 'flood',
      perRound: tokens * (0.2 + dice.upTo(0.6)),
      onRounds: dice.int(2, 12),
      offRounds: dice.int(1, 4),
    },
    costs: dice.of([[toMicro(1)], [toMicro(1), toMicro(0.25), toMicro(3)], [toMicro(2), toMicro(0.5)]]),
    maxWaitMs: patience(),
  })
  const ceiling = base(0.2)
  const devices = dice.roll(0.4)
    ? (['api', 'web'] as const).map((device) => ({ ...flood('delta', 0.04, {}), device }))
    : [flood('delta', 0.08, { borrows: dice.roll(0.5) })]
  const backlog: PlannedAccount = {
    tenant: 'gamma',
    settings: { baseTokens: base(0.2 + dice.upTo(0.05)) },
    demand: { kind: 'backlog', perRound: tokens * (0.5 + dice.upTo(0.3)) },
    costs: [toMicro(1)],
    maxWaitMs: patience(),
  }
  return [
    inShare('alpha', 0.25),
    inShare('beta', 0.15),
    backlog,
    flood('capped', 0.08, { ceilingTokens: ceiling }),
    ...devices,
  ]
}

function faultsOf(
  dice: Dice,
  fromMs: number,
  roundMs: number,
  edges: number,
  accounts: readonly PlannedAccount[],
  window: number,
): PlannedFault[] {
  /** A moment of the window, and not so late that what lasts for rounds outlasts it. */
  const at = (lastsRounds = 0) => Math.floor(fromMs + dice.upTo(FAULTY - lastsRounds) * roundMs)
  const edge = () => dice.int(0, edges - 1)
  const step = () => (dice.roll(0.5) ? HOUR_MS : -HOUR_MS)
  const isolateDownMs = dice.upTo(2 * roundMs)
  // In the second window an isolate that holds tokens crashes first of all, so that they are presumed spent before
  // the node crashes.
  const isolateCrash = window === 0 ? at(3) : Math.floor(fromMs + dice.upTo(roundMs / 4))
  const late = () =>
    Math.floor(fromMs + (LAPSED_BY_ROUNDS + dice.upTo(FAULTY - 3 - LAPSED_BY_ROUNDS)) * roundMs)
  /** New isolates open sessions that a crash of the node may forget. */
  const isolateBack = isolateCrash + isolateDownMs
  const faults: PlannedFault[] = [
    { atMs: at(), kind: 'message', how: 'lose' },
    { atMs: at(), kind: 'message', how: 'repeat' },
    { atMs: at(), kind: 'message', how: 'delay' },
    { atMs: isolateCrash, kind: 'edgeCrash', edge: edge(), downMs: isolateDownMs, holding: window > 0 },
    // Not before an isolate that waits for an answer to crash has had it.
    {
      atMs: Math.max(at(4), isolateCrash + (window === 0 ? 0 : roundMs)),
      kind: 'cut',
      edge: edge(),
      lastsMs: (3 + dice.upTo(1)) * roundMs,
    },
    {
      atMs: at(),
      kind: 'settings',
      account: dice.int(2, accounts.length - 1),
      factor: 0.5 + dice.upTo(0.5),
    },
  ]
  // An isolate that is to crash may long hold nothing, and late messages keep the session it leaves behind alive.
  const waits = window === 0 ? {} : { overByMs: fromMs + FAULTY * roundMs }
  const nodeCrash = (atMs: number): PlannedFault => ({
    atMs,
    ...waits,
    kind: 'nodeCrash',
    lastsMs: dice.upTo(3 * roundMs),
    duringWrite: dice.roll(0.5),
  })
  const crash = () => {
    const lastsMs = dice.upTo(3 * roundMs)
    if (dice.roll(0.3))
      faults.push({ atMs: window === 0 ? at(3) : late(), ...waits, kind: 'staleTwin', lastsMs })
    else faults.push(nodeCrash(window === 0 ? isolateBack + dice.upTo(roundMs / 2) : late()))
  }
  if (window === 0) {
    faults.push({ atMs: at(), kind: 'edgeClock', edge: edge(), stepMs: step() })
    faults.push({ atMs: at(3), kind: 'cut', lastsMs: (1.5 + dice.upTo(1.5)) * roundMs })
    faults.push({ atMs: at(), kind: 'capacity', factor: 0.85 + dice.upTo(0.3) })
    if (dice.roll(0.5)) crash()
  } else {
    faults.push({ atMs: late(), kind: 'nodeClock', edge: 0, stepMs: step() })
    faults.push(nodeCrash(late()))
    if (dice.roll(0.5)) faults.push({ atMs: at(), kind: 'edgeClock', edge: edge(), stepMs: step() })
    if (dice.roll(0.5)) crash()
  }
  return faults
}

/** Draws from a seeded stream. */
export class Dice {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  upTo(most: number): number {
    return this.#random() * most
  }
  roll(chance: number): boolean {
    return this.#random() < chance
  }
  int(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.int(0, choices.length - 1)]!
  }
}
