import { Events } from '../events.ts'
import { randomFrom } from '../random.ts'
import { type Parts, REAL_PARTS } from './parts.ts'
import { type FaultPlan, planOf } from './plan.ts'
import { NEEDED_IN_EVERY_RUN, type Occurrence, Tally, Violation } from './tally.ts'
import { FaultWorld } from './world.ts'

/** What a run showed. */
export interface FaultReport<Name extends string = Occurrence> {
  readonly seed: number
  readonly tally: Tally<Name>
  readonly requests: number
  readonly messages: number
  readonly violation?: { readonly invariant: string; readonly atMs: number; readonly detail: string }
}

/** Runs one seed until everything has healed and come to rest, or a promise is broken. */
export function runFaults(seed: number, parts: Parts = REAL_PARTS): FaultReport {
  const plan = planOf(seed)
  const tally = Tally.ofFaults()
  const events = new Events()
  const world = new FaultWorld(plan, events, randomFrom(seed), tally, parts)
  const report = () => ({ seed, tally, requests: world.requests, messages: world.messages })
  try {
    world.run()
    checkNotEmpty(plan, tally)
    return report()
  } catch (error) {
    const invariant = error instanceof Violation ? error.invariant : (error as Error).name
    const atMs = error instanceof Violation ? error.atMs : events.nowMs
    const detail = error instanceof Violation ? error.message : unexpected(error as Error)
    return { ...report(), violation: { invariant, atMs: Math.round(atMs), detail } }
  }
}

function checkNotEmpty(plan: FaultPlan, tally: Tally): void {
  const missing = tally.missing(NEEDED_IN_EVERY_RUN)
  if (missing.length > 0) throw new Violation('empty', plan.endMs, `never occurred: ${missing.join(', ')}`)
}

/** What was thrown and where, in one line. */
export function unexpected(error: Error): string {
  return `${error.message} ${error.stack?.split('\n')[1]?.trim() ?? ''}`
}

/** One line about a failed run: what broke, when, and how to see it again. */
export function describeFailure({ seed, violation }: FaultReport<string>, world = 'node'): string {
  const { invariant, atMs, detail } = violation!
  const repeat = `npm run simulate -- faults --world ${world} --from ${seed} --seeds 1`
  return `seed ${seed} at ${atMs} ms: ${invariant}: ${detail} (repeat: ${repeat})`
}
