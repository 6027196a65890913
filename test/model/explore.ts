/** Breadth-first search through every reachable state of an instance. */

import { type Action, actionsOf } from './actions.ts'
import { stateViolation, stepViolation } from './invariants.ts'
import type { Model } from './parties.ts'
import { StateTable } from './state-table.ts'
import type { Instance, World } from './world.ts'

/** What an exploration found. */
export interface Exploration {
  readonly states: number
  readonly steps: number
  /** The first violation with the shortest run that leads to it; `null` if there is none. */
  readonly violation: { readonly text: string; readonly run: readonly string[] } | null
  readonly table: StateTable
  /** How often each kind of action was taken to a state not seen before. */
  readonly actions: ReadonlyMap<string, number>
}

/**
 * Visits all states reachable from the start, or stops at the first violation.
 * @throws if there are more than `maxStates`
 */
export function explore(start: World, model: Model, maxStates: number): Exploration {
  const table = new StateTable()
  const parents: number[] = [-1]
  const names: string[] = ['start']
  const actions = new Map<string, number>()
  let steps = 0
  table.idOf(start)
  for (let id = 0; id < table.size; id += 1) {
    const world = table.worldOf(id)
    for (const action of actionsOf(world, model)) {
      steps += 1
      const known = table.size
      const nextId = table.idOf(action.next)
      const fresh = nextId === known
      if (fresh) {
        parents.push(id)
        names.push(action.name)
        actions.set(action.name, (actions.get(action.name) ?? 0) + 1)
      }
      const text = violationOf(world, action, fresh, model.instance)
      if (text !== null) {
        const run = [...runTo(id, parents, names), action.name]
        return { states: table.size, steps, violation: { text, run }, table, actions }
      }
    }
    if (table.size > maxStates) throw new Error(`more than ${maxStates} states`)
  }
  return { states: table.size, steps, violation: null, table, actions }
}

function violationOf(world: World, action: Action, fresh: boolean, instance: Instance): string | null {
  return (
    action.violation ??
    stepViolation(world, action.next, action.name) ??
    (fresh ? stateViolation(action.next, instance) : null)
  )
}

/** The names of the actions from the start to a state. */
function runTo(id: number, parents: readonly number[], names: readonly string[]): string[] {
  const run: string[] = []
  for (let at = id; at > 0; at = parents[at]!) run.push(names[at]!)
  return run.reverse()
}
