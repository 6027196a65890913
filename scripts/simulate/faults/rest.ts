import type { Events } from '../events.ts'
import { accountKey, COUNTED } from './model.ts'
import type { SimNetwork } from './network.ts'
import type { SimIsolate } from './sim-isolate.ts'
import type { RunningLife } from './sim-node.ts'

/** What is not at rest; undefined if nothing waits, nothing is under way, and node and edges agree on every total. */
export function unrestOf(
  events: Events,
  network: SimNetwork,
  running: RunningLife | undefined,
  isolates: readonly (SimIsolate | undefined)[],
): string | undefined {
  if (events.size > 0) return `${events.size} events are still to come`
  if (network.underWay > 0) return 'a message is still under way'
  if (running === undefined) return 'the node is down'
  for (const isolate of isolates) {
    const unrest = isolate === undefined ? 'an isolate is down' : unrestAt(isolate, running)
    if (unrest !== undefined) return unrest
  }
  return undefined
}

function unrestAt(isolate: SimIsolate, running: RunningLife): string | undefined {
  const { id, edge, open } = isolate
  if (open.size > 0) return `${open.size} requests of ${id} have no outcome`
  if (edge.line.inFlight) return `${id} waits for an answer`
  for (const lease of edge.line.leases.values()) {
    const key = accountKey(lease.tenant, lease.device)
    if (lease.hasNews) return `${id} has not told what ${key} used`
    const heard = running.heard.sum(key, id)
    const truth = isolate.countsOf(key)
    for (const counter of COUNTED) {
      if (heard[counter] === truth[counter]) continue
      return `${id}, ${key}: ${counter} is ${truth[counter]}, the node knows ${heard[counter]}`
    }
  }
  return undefined
}
