/**
 * States in a compact form: each part of a world is stored once and named by a small number, a state is
 * the string of those numbers as UTF-16 units.
 */

import type { Placement } from '../../src/core/migration/index.ts'
import type { Audit, Budget, Capsule, Edge, Envelope, NodeState, World } from './world.ts'

/** Gives equal values one number and one object. */
class Parts<T extends object> {
  readonly values: T[] = []
  readonly #byText = new Map<string, number>()
  readonly #byObject = new WeakMap<T, number>()
  readonly #normal: (value: T) => T

  constructor(normal: (value: T) => T = (value) => value) {
    this.#normal = normal
  }

  idOf(value: T): number {
    const known = this.#byObject.get(value)
    if (known !== undefined) return known
    const normal = this.#normal(value)
    const text = JSON.stringify(normal)
    const old = this.#byText.get(text)
    const id = old ?? this.values.length
    if (old === undefined) {
      if (id > 0xffff) throw new Error('too many different parts')
      this.#byText.set(text, id)
      this.values.push(normal)
      this.#byObject.set(normal, id)
    }
    this.#byObject.set(value, id)
    return id
  }
}

/** What no decision depends on: times, texts and counters of repetition. */
function timeless(placement: Placement<Capsule>): Placement<Capsule> {
  const { migration } = placement
  return {
    ...placement,
    migration: migration === null ? null : { ...migration, history: [], lastRefusal: null },
    retry: { attempts: 0, dueAtMs: 0 },
  }
}

/** All states seen so far, numbered in the order they were first seen. */
export class StateTable {
  readonly #placements = new Parts<Placement<Capsule>>(timeless)
  readonly #nodes = new Parts<NodeState>()
  readonly #edges = new Parts<Edge>()
  readonly #audits = new Parts<Audit>()
  readonly #budgets = new Parts<Budget>()
  readonly #envelopes = new Parts<Envelope>()
  readonly #ids = new Map<string, number>()
  readonly #keys: string[] = []
  #nodeCount = 0

  /** How many states there are. */
  get size(): number {
    return this.#keys.length
  }

  /** Every placement that occurs in some state. */
  get placements(): readonly Placement<Capsule>[] {
    return this.#placements.values
  }

  /** Every node that occurs in some state. */
  get nodes(): readonly NodeState[] {
    return this.#nodes.values
  }

  /** Every account of what really happened that occurs in some state. */
  get audits(): readonly Audit[] {
    return this.#audits.values
  }

  /** The number of a state; a new one gets the next. */
  idOf(world: World): number {
    const key = this.#keyOf(world)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#keys.length
    this.#ids.set(key, id)
    this.#keys.push(key)
    return id
  }

  /** The state with a number. */
  worldOf(id: number): World {
    const key = this.#keys[id]!
    const parts = Array.from(key, (unit) => unit.charCodeAt(0))
    const firstMessage = 4 + this.#nodeCount
    return {
      placement: this.#placements.values[parts[0]!]!,
      edge: this.#edges.values[parts[1]!]!,
      audit: this.#audits.values[parts[2]!]!,
      budget: this.#budgets.values[parts[3]!]!,
      nodes: parts.slice(4, firstMessage).map((part) => this.#nodes.values[part]!),
      net: parts.slice(firstMessage).map((part) => this.#envelopes.values[part]!),
    }
  }

  #keyOf(world: World): string {
    this.#nodeCount = world.nodes.length
    const units = [
      this.#placements.idOf(world.placement),
      this.#edges.idOf(world.edge),
      this.#audits.idOf(world.audit),
      this.#budgets.idOf(world.budget),
    ]
    for (const node of world.nodes) units.push(this.#nodes.idOf(node))
    const firstMessage = units.length
    for (const envelope of world.net) insertSorted(units, firstMessage, this.#envelopes.idOf(envelope))
    return String.fromCharCode(...units)
  }
}

/** Adds a number to the sorted end of a list unless it is there; new ones mostly belong at its end. */
function insertSorted(units: number[], from: number, id: number): void {
  let at = units.length
  while (at > from && units[at - 1]! > id) at -= 1
  if (at > from && units[at - 1] === id) return
  units.push(id)
  for (let last = units.length - 1; last > at; last -= 1) units[last] = units[last - 1]!
  units[at] = id
}
