/** Messages under way. None is ever taken away by its delivery: it may be late, repeated or lost. */

import { openMigration } from '../../src/core/migration/index.ts'
import { onLeaseAnswer } from './edge-model.ts'
import type { Model } from './parties.ts'
import type { Envelope, NodeState, World } from './world.ts'

/**
 * Large instances, same reach: what the coordinator and the edge may send is sent at once (a message under
 * way may still come late or never), and what can never have an effect again is dropped.
 */
export function eager(world: World, model: Model): World {
  const sent = model.alarm(world.placement)
  const next = withNet(world, world.edge.pending ? [...sent, model.ask(world.edge)] : sent)
  const net = next.net.filter((envelope) => !isDead(world, envelope))
  return net.length === next.net.length ? next : { ...next, net }
}

/** Whether a message is of no interest to its receiver any more: epochs and totals only grow. */
function isDead(world: World, envelope: Envelope): boolean {
  const { placement, edge } = world
  if (envelope.to === 'coordinator') {
    const { epoch, node } = envelope.body
    const open = openMigration(placement)
    const awaited = open?.epoch === epoch || open?.bury?.epoch === epoch
    return !awaited && !placement.strays.some((stray) => stray.node === node && stray.epoch === epoch)
  }
  if (envelope.to !== 'edge') return false
  const idle = !edge.pending && edge.requestsLeft === 0 && world.budget.edgeCrashes === 0
  return idle || (onLeaseAnswer(world, envelope.body) === world && envelope.body.epoch <= edge.epoch)
}

/** The time a tombstone is kept is longer than a message can be under way. */
export function withoutMessagesTo(world: World, name: string, epoch: number): readonly Envelope[] {
  return world.net.filter(
    ({ to, ...rest }) =>
      !(
        to === 'node' &&
        'node' in rest &&
        rest.node === name &&
        rest.body.kind !== 'lease' &&
        rest.body.epoch <= epoch
      ),
  )
}

/** After the write: everything is sent, or the party dies first and only a part (or nothing) is. */
export function sendSome(
  world: World,
  send: readonly Envelope[],
  { instance }: Model,
  emit: (next: World) => void,
): void {
  const parts = instance.crashes ? 2 ** send.length : 1
  for (let lost = 0; lost < parts; lost += 1) {
    emit(
      withNet(
        world,
        send.filter((_, bit) => (lost & (1 << bit)) === 0),
      ),
    )
  }
}

/** Replaces one node. */
export function withNode(world: World, index: number, node: NodeState): World {
  if (world.nodes[index] === node) return world
  return { ...world, nodes: world.nodes.map((each, at) => (at === index ? node : each)) }
}

/** Adds messages to what is under way; the explorer drops repetitions. */
export function withNet(world: World, sent: readonly Envelope[]): World {
  return sent.length === 0 ? world : { ...world, net: [...world.net, ...sent] }
}
