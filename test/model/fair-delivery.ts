/**
 * Liveness: from every reachable state, and with everything lost that is under way in it, repetition and
 * fair delivery end the migration, collect what was left behind and serve the client that waits.
 */

import { openMigration } from '../../src/core/migration/index.ts'
import { deliver, type Emit, heartbeat } from './actions.ts'
import { directory } from './edge-model.ts'
import type { Model } from './parties.ts'
import { StateTable } from './state-table.ts'
import type { Audit, Budget, Envelope, World } from './world.ts'

/** Rounds after which a run counts as stuck. */
const maxRounds = 20

const noAudit: Audit = { supply: 0, granted: 0, booked: 0, used: 0, late: 0 }
const noBudget: Budget = {
  moves: 0,
  aborts: 0,
  takeovers: 0,
  lapses: 0,
  refills: 0,
  works: 0,
  edgeCrashes: 0,
}

/** What was checked, and a state from which it does not end. */
export interface FairDelivery {
  /** Different states once what is under way is lost. */
  readonly starts: number
  readonly longestRounds: number
  readonly stuck: World | null
}

/**
 * Runs fair delivery from every state of a table.
 * @param silentStrays whether nodes that were left behind stay silent for ever; the migration has to end
 *   without them, and only they stay uncollected
 */
export function fairDelivery(states: StateTable, model: Model, silentStrays = false): FairDelivery {
  const calm: Model = { ...model, instance: { ...model.instance, crashes: false } }
  const seen = new StateTable()
  const roundsFrom: number[] = []
  let longestRounds = 0
  for (let id = 0; id < states.size; id += 1) {
    const path: number[] = []
    let world = durable(states.worldOf(id))
    let known: number | undefined
    for (;;) {
      const at = seen.idOf(world)
      known = roundsFrom[at]
      if (known !== undefined) break
      path.push(at)
      if (isOver(world, silentStrays)) {
        known = -1
        break
      }
      if (path.length > maxRounds) return { starts: seen.size, longestRounds, stuck: world }
      world = round(world, calm, silentStrays)
    }
    for (const at of path.reverse()) {
      known += 1
      roundsFrom[at] = known
    }
    longestRounds = Math.max(longestRounds, known)
  }
  return { starts: seen.size, longestRounds, stuck: null }
}

/** What is left when everything under way is lost; disturbances are over and nobody counts any more. */
function durable(world: World): World {
  return { ...world, net: [], audit: noAudit, budget: noBudget }
}

/** Closed, everything collected, and the client served unless there is nothing to serve it from. */
function isOver(world: World, silentStrays: boolean): boolean {
  const { placement, edge, nodes } = world
  if (openMigration(placement) !== null) return false
  if (placement.strays.length > 0) return silentStrays
  const owner = nodes.find(({ name }) => name === placement.owner)
  return !edge.pending || placement.ownerPassedOver || owner?.account?.balance === 0
}

/** Every party repeats what it waits for, every node sends a heartbeat, and all of it arrives. */
function round(start: World, model: Model, silentStrays: boolean): World {
  let world = start
  const queue: Envelope[] = []
  const first = (run: (emit: Emit) => void) => {
    let done = false
    run((_, next) => {
      if (done) return
      done = true
      queue.push(...next.net)
      world = { ...next, net: [] }
    })
  }
  const silent = (name: string) => silentStrays && start.placement.strays.some(({ node }) => node === name)
  const deliverAll = () => {
    for (let envelope = queue.shift(); envelope !== undefined; envelope = queue.shift()) {
      if (envelope.to === 'node' && silent(envelope.node)) continue
      const arrived = envelope
      first((emit) => deliver(world, arrived, model, emit))
    }
  }
  queue.push(...model.alarm(world.placement))
  deliverAll()
  for (const [index, { name }] of world.nodes.entries()) {
    if (silent(name)) continue
    first((emit) =>
      heartbeat(world, index, model, (what, next) => {
        if (!what.endsWith('lost')) emit(what, next)
      }),
    )
    deliverAll()
  }
  if (world.edge.pending) {
    world = { ...world, edge: directory(world) }
    queue.push(model.ask(world.edge))
    deliverAll()
  }
  return durable(world)
}
