/** The edge of the model, and the few lines of ledger that it talks to. */

import { type LeaseFacts, type LeaseRoute, routeLease } from '../../src/core/migration/index.ts'
import { memo } from './memo.ts'
import type { Capsule, Edge, Envelope, LeaseAnswer, LeaseMessage, NodeState, World } from './world.ts'

/** What serving or routing a lease message at a node led to. */
export interface LeaseOutcome {
  readonly node: NodeState
  readonly granted: number
  readonly booked: number
  /** Whether less was granted than wanted. */
  readonly short: boolean
  readonly send: readonly Envelope[]
}

/** The message the edge would send now. */
export function ask(edge: Edge): Envelope {
  const { at, epoch, session, incarnation, used } = edge
  return {
    to: 'node',
    node: at,
    body: { kind: 'lease', epoch, forwarded: false, session, incarnation, used },
  }
}

/** A lease message at a node: routed by the real function, served from the account of the model. */
export function onLease(node: NodeState, message: LeaseMessage, drained: boolean): LeaseOutcome {
  const facts: LeaseFacts = { node: node.name, mayServe: node.serving, drained }
  const route: LeaseRoute<Capsule> = routeLease(node.row, { tenant: 't', ...message }, facts)
  const still = { node, granted: 0, booked: 0, short: false }
  const reply = (body: LeaseAnswer) => ({ ...still, send: [{ to: 'edge', body } as const] })
  switch (route.kind) {
    case 'serve':
      return serve(node, message)
    case 'forward': {
      const forwarded: Envelope = { to: 'node', node: route.to, body: { ...message, forwarded: true } }
      return { ...still, send: [{ to: 'node', node: route.to, body: route.install }, forwarded] }
    }
    case 'hold': {
      const otherwise: Envelope = { to: 'edge', body: { kind: 'moved', ...route.otherwise } }
      return { ...still, send: [{ to: 'node', node: route.from, body: route.pull }, otherwise] }
    }
    case 'moved':
      return reply({ kind: 'moved', ...route.home })
    case 'unknown':
    case 'wait':
      return { ...still, send: [] }
  }
}

/** Books what was used, grants one token more if one is left: running totals, so repeating changes nothing. */
function serve(node: NodeState, message: LeaseMessage): LeaseOutcome {
  const account = node.account
  if (account === null || node.row?.role !== 'active')
    throw new Error(`${node.name} serves without an account`)
  const { epoch } = node.row
  const known = message.session !== null && message.session in account.sessions
  const session = known && message.session !== null ? message.session : `${message.incarnation}/${epoch}`
  const before = account.sessions[session] ?? { granted: 0, used: 0 }
  const used = known ? Math.max(before.used, message.used) : before.used
  const booked = used - before.used
  const wanted = known ? message.used + 1 : 1
  const granted = wanted > before.granted && account.balance > 0 ? 1 : 0
  const after = { granted: before.granted + granted, used }
  const next: Capsule = {
    balance: account.balance - granted,
    usage: account.usage + booked,
    sessions: { ...account.sessions, [session]: after },
  }
  const short = wanted > after.granted
  const body = { kind: 'granted', session, granted: after.granted, node: node.name, epoch } as const
  return { node: { ...node, account: next }, granted, booked, short, send: [{ to: 'edge', body }] }
}

/** A client comes: it is served from a token at hand, or waits. */
export function clientAsks(world: World): World {
  return served({ ...world, edge: { ...world.edge, pending: true } })
}

/** The edge takes an answer in; the same edge if it learns nothing. */
export function onLeaseAnswer(world: World, answer: LeaseAnswer): World {
  const edge = learned(world.edge, answer)
  return edge === world.edge ? world : served({ ...world, edge })
}

/** What the edge knows after an answer. */
const learned = memo((edge: Edge, answer: LeaseAnswer): Edge => {
  const home = redirected(edge, answer)
  return answer.kind === 'granted' ? sessionOf(home, answer) : home
})

/** Serves the client that waits, if there is a token. */
function served(world: World): World {
  const { edge, audit } = world
  if (!edge.pending || edge.used >= edge.granted) return world
  const next = { ...edge, used: edge.used + 1, pending: false, requestsLeft: edge.requestsLeft - 1 }
  return { ...world, edge: next, audit: { ...audit, used: audit.used + 1 } }
}

/** What the edge knows after asking the coordinator's directory, as it may do at any time. */
export function directory({ edge, placement }: World): Edge {
  const { owner, epoch } = placement
  return owner === null ? edge : redirected(edge, { node: owner, epoch })
}

/** An edge follows to an epoch that is not older than the one it knows. */
function redirected(edge: Edge, home: { readonly node: string; readonly epoch: number }): Edge {
  const known = home.epoch === edge.epoch && home.node === edge.at
  return known || home.epoch < edge.epoch ? edge : { ...edge, at: home.node, epoch: home.epoch }
}

/** The session after an answer: totals only grow, a session opened later replaces an earlier one. */
function sessionOf(edge: Edge, answer: LeaseAnswer & { kind: 'granted' }): Edge {
  if (answer.session === edge.session) {
    return answer.granted > edge.granted ? { ...edge, granted: answer.granted } : edge
  }
  const [incarnation, opened] = answer.session.split('/').map(Number)
  const mine = incarnation === edge.incarnation
  const newer = edge.session === null || opened! > Number(edge.session.split('/')[1])
  return mine && newer ? { ...edge, session: answer.session, granted: answer.granted, used: 0 } : edge
}

/** A new isolate in place of one that died: it knows the directory's answer and nothing else. */
export function reborn(world: World): Edge {
  const { owner, epoch } = world.placement
  const { edge } = world
  const incarnation = edge.incarnation + 1
  return {
    ...edge,
    incarnation,
    at: owner ?? edge.at,
    epoch,
    session: null,
    granted: 0,
    used: 0,
    pending: false,
  }
}
