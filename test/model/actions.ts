/** All that can happen next in a state of the instance: the successor relation of the model. */

import {
  leaveBehind,
  openMigration,
  type Placement,
  planMove,
  recordCheckpoint,
  requestAbort,
  sweep,
} from '../../src/core/migration/index.ts'
import { seenEpoch } from '../../src/core/migration/node-parts.ts'
import { clientAsks, directory, onLeaseAnswer, reborn } from './edge-model.ts'
import { eager, sendSome, withNet, withNode, withoutMessagesTo } from './network.ts'
import type { Model } from './parties.ts'
import { type Capsule, type Envelope, type LeaseMessage, presumeSpent, type World } from './world.ts'

const limits = { maxMovesIn: 9, maxMovesOut: 9 }

/** One thing that can happen, the world after it, and what is wrong with the step itself. */
export interface Action {
  readonly name: string
  readonly next: World
  readonly violation: string | null
}

/** Collects the actions of one state. */
export type Emit = (name: string, next: World, violation?: string | null) => void

/** Every action that is possible in a state. */
export function actionsOf(world: World, model: Model): Action[] {
  const { instance } = model
  const actions: Action[] = []
  const emit: Emit = (name, next, violation = null) =>
    actions.push({ name, next: instance.crashes ? next : eager(next, model), violation })
  for (const envelope of world.net) deliver(world, envelope, model, emit)
  coordinatorActs(world, model, emit)
  for (const index of instance.nodes.keys()) nodeActs(world, index, model, emit)
  edgeActs(world, model, emit)
  return actions
}

/** Delivers one message; it stays under way, so it may come again. The first outcome is the undisturbed one. */
export function deliver(world: World, envelope: Envelope, model: Model, emit: Emit): void {
  if (envelope.to === 'coordinator') {
    const { kind, node } = envelope.body
    const { placement, late } = model.atCoordinator(world.placement, envelope.body)
    if (placement === world.placement) return
    const audit = late === 0 ? world.audit : { ...world.audit, late: world.audit.late + late }
    emit(`C takes ${kind} of ${node}`, { ...world, placement, audit })
    return
  }
  if (envelope.to === 'edge') {
    const next = onLeaseAnswer(world, envelope.body)
    if (next !== world) emit(`edge takes ${envelope.body.kind}`, next)
    return
  }
  const index = model.instance.nodes.indexOf(envelope.node)
  const before = world.nodes[index]!
  const { body } = envelope
  if (body.kind === 'lease') {
    deliverLease(world, index, body, model, emit)
    return
  }
  const steps = [model.atNode(before, body)]
  const roomy = model.instance.calm || (body.kind !== 'prepare' && body.kind !== 'takeover')
  if (!roomy) steps.push(model.atFullNode(before, body))
  for (const { node, send } of steps) {
    const old = body.epoch < seenEpoch(before.row) && node !== before
    const violation = old ? `an old ${body.kind} changes ${envelope.node}` : null
    sendSome(withNode(world, index, node), send, model, (next) =>
      emit(`${envelope.node} takes ${body.kind}`, next, violation),
    )
  }
}

/** A lease message at a node, while it still forwards and after it has stopped to. */
function deliverLease(world: World, index: number, body: LeaseMessage, model: Model, emit: Emit): void {
  const before = world.nodes[index]!
  const outcomes = [model.lease(before, body)]
  if (before.row?.role === 'forwarding') outcomes.push(model.drainedLease(before, body))
  for (const { node, granted, booked, short, send } of outcomes) {
    const { audit } = world
    const counted = { ...audit, granted: audit.granted + granted, booked: audit.booked + booked }
    const served = node === before ? world : withNode({ ...world, audit: counted }, index, node)
    const unjust = short && audit.granted < audit.supply && model.instance.budget.takeovers === 0
    const passedOver = granted > 0 && !before.serving
    const violation = unjust
      ? 'a client is refused tokens that are left'
      : passedOver
        ? 'a node serves whose lease to serve has lapsed'
        : null
    sendSome(served, send, model, (next) => emit(`${before.name} takes lease`, next, violation))
  }
}

/** The alarm, and what people and the planner ask of the coordinator. */
function coordinatorActs(world: World, model: Model, emit: Emit): void {
  const { placement, budget } = world
  const { instance, protocol } = model
  for (const envelope of model.alarm(placement))
    emit(`alarm: ${envelope.body.kind}`, withNet(world, [envelope]))
  const plan = (name: string, spent: Partial<World['budget']>, next: Placement<Capsule> | null) => {
    if (next !== null && next !== placement) {
      emit(name, { ...world, placement: next, budget: { ...budget, ...spent } })
    }
  }
  for (const to of instance.nodes) {
    const request = { tenant: 't', to, reserve: 0, reason: '' }
    const target = { node: to, state: 'ready', freeRate: 0, movesIn: 0 } as const
    if (budget.moves > 0) {
      const result = planMove(placement, request, target, 0, limits, 0)
      plan(`move to ${to}`, { moves: budget.moves - 1 }, result.ok ? result.value : null)
    }
    if (budget.takeovers > 0) {
      const lapsed = (node: string) => !world.nodes[instance.nodes.indexOf(node)]!.serving
      const facts = { fresh: { balance: 0, usage: 0, sessions: {} }, presumeSpent, lapsed }
      const result = protocol.planTakeover(placement, request, target, facts, 0)
      plan(`takeover to ${to}`, { takeovers: budget.takeovers - 1 }, result.ok ? result.value : null)
    }
  }
  if (budget.aborts > 0) {
    const result = requestAbort(placement, 0)
    plan('abort', { aborts: budget.aborts - 1 }, result.ok ? result.value : null)
  }
  const open = openMigration(placement)
  const awaited = open?.phase === 'COMMITTED' ? open.source?.node : open?.target
  if (awaited !== undefined && !world.nodes[instance.nodes.indexOf(awaited)]!.serving) {
    const result = leaveBehind(placement, 0)
    plan('leave behind', {}, result.ok ? result.value : null)
  }
}

/** What happens at a node by itself: its lease to serve ends, a heartbeat, a new round, a sweep. */
function nodeActs(world: World, index: number, model: Model, emit: Emit): void {
  const node = world.nodes[index]!
  const { name } = node
  const { budget } = world
  if (node.serving && budget.lapses > 0) {
    const lapsed = withNode(world, index, { ...node, serving: false })
    emit(`${name} lapses`, { ...lapsed, budget: { ...budget, lapses: budget.lapses - 1 } })
  }
  if (model.instance.budget.lapses > 0) heartbeat(world, index, model, emit)
  if (node.row?.role === 'active' && node.serving) accountActs(world, index, emit)
  if (node.row?.role === 'gone' && !model.instance.calm && sweepable(world, node.row.epoch)) {
    const row = sweep<Capsule>(node.row, node.row.keepUntilMs)
    const net = model.protocol.tombstonesOutliveMessages
      ? withoutMessagesTo(world, name, node.row.epoch)
      : world.net
    emit(`${name} sweeps`, { ...withNode(world, index, { ...node, row }), net })
  }
}

/** A new round gives tokens; a token is spent and booked. */
function accountActs(world: World, index: number, emit: Emit): void {
  const node = world.nodes[index]!
  const account = node.account!
  const { budget, audit } = world
  if (budget.refills > 0) {
    const next = { ...world, audit: { ...audit, supply: audit.supply + 1 } }
    const refilled = { ...node, account: { ...account, balance: account.balance + 1 } }
    const spent = { ...budget, refills: budget.refills - 1 }
    emit(`round at ${node.name}`, { ...withNode(next, index, refilled), budget: spent })
  }
  if (budget.works > 0 && account.balance > 0) {
    const { granted, booked, used } = audit
    const counted = { ...audit, granted: granted + 1, booked: booked + 1, used: used + 1 }
    const worked = { ...account, balance: account.balance - 1, usage: account.usage + 1 }
    const next = withNode({ ...world, audit: counted }, index, { ...node, account: worked })
    emit(`work at ${node.name}`, { ...next, budget: { ...budget, works: budget.works - 1 } })
  }
}

/** A tombstone ends long after the coordinator has closed its migration. */
function sweepable(world: World, epoch: number): boolean {
  const open = openMigration(world.placement)
  return open === null || open.epoch > epoch
}

/** A heartbeat reports the account; its answer, if it arrives, retires a stray and renews the lease to serve. */
export function heartbeat(world: World, index: number, model: Model, emit: Emit): void {
  const node = world.nodes[index]!
  const { name, row } = node
  const placement =
    row?.role === 'active'
      ? recordCheckpoint(world.placement, { node: name, epoch: row.epoch }, node.account!)
      : world.placement
  const reported = placement === world.placement ? world : { ...world, placement }
  if (reported !== world) emit(`heartbeat of ${name}, answer lost`, reported)
  const message = model.protocol.messageForStray(placement, name)
  const told = message === null ? { node, send: [] } : model.atNode(node, message)
  const renewed = told.node.serving ? told.node : { ...told.node, serving: true }
  sendSome(withNode(reported, index, renewed), told.send, model, (next) => {
    if (next !== world) emit(`heartbeat of ${name}`, next)
  })
}

/** A client comes, the edge asks (again), the edge's isolate dies. */
function edgeActs(world: World, model: Model, emit: Emit): void {
  const { edge, budget } = world
  if (!edge.pending && edge.requestsLeft > 0) {
    emit('a client asks', clientAsks(world))
  }
  const informed = directory(world)
  if (edge.pending && informed !== edge) emit('the edge asks the directory', { ...world, edge: informed })
  if (edge.pending) {
    emit(`edge asks ${edge.at}`, withNet(world, [model.ask(edge)]))
  }
  if (budget.edgeCrashes > 0) {
    const spent = { ...budget, edgeCrashes: budget.edgeCrashes - 1 }
    emit('the edge dies', { ...world, edge: reborn(world), budget: spent })
  }
}
