import type { AccountState, NodeApi, NodeState } from '../core/control.ts'
import type { CoordinatorApi, JournalEvent } from '../core/coordinator-api.ts'
import {
  FEED_LIMITS,
  type FeedNode,
  type FeedSnapshot,
  type OverviewNode,
  type OverviewTenant,
  type PlacingSummary,
} from '../core/feed.ts'
import { wattsAt } from '../core/planner/power.ts'
import { feedTenant, withinBudget, withLent } from './feed-tenants.ts'

/** Whom the feed asks. */
export interface Sources {
  readonly coordinator: () => Pick<CoordinatorApi, 'overview'>
  readonly node: (name: string) => Pick<NodeApi, 'state'>
}

/** Phase of a machine that sleeps: its object goes on answering. */
const STANDBY = 'Standby'
/** Answers of a node that are looked at together: a round begins with the base again, so one look tells little. */
const LOOKS = 4

interface Look {
  readonly state: NodeState
  readonly atMs: number
}

/** A node's last answer, and what it spent per second over the last looks. */
interface Heard {
  readonly state: NodeState
  /** The last answers, the newest first. */
  readonly looks: readonly Look[]
  readonly spent: number | null
  readonly reachable: boolean
}

/**
 * Asks the coordinator (one message) and the nodes (in turns, if they are many) and keeps what they said.
 * Everything here is a copy that can be asked for again, so nothing is stored.
 */
export class Gatherer {
  readonly #sources: Sources
  #placed: readonly OverviewTenant[] = []
  #revision: number | null = null
  #leftOut = 0
  #events: readonly JournalEvent[] = []
  #heard = new Map<string, Heard>()
  #turn = 0

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** @throws Error when the coordinator does not answer; what was known stays */
  async gather(nowMs: number): Promise<FeedSnapshot> {
    const last = this.#events.at(-1)
    const query = { revision: this.#revision, afterSeq: last?.seq ?? null }
    const overview = await this.#sources.coordinator().overview(query)
    if (overview.tenants !== null) this.#placed = overview.tenants
    this.#revision = overview.revision
    this.#leftOut = overview.leftOut
    this.#events = [...this.#events, ...overview.events].slice(-FEED_LIMITS.events)
    await this.#askNodes(overview.nodes)
    return this.#snapshot(overview.nodes, overview.placing, nowMs)
  }

  async #askNodes(nodes: readonly OverviewNode[]): Promise<void> {
    const names = new Set(nodes.map(({ name }) => name))
    for (const name of this.#heard.keys()) if (!names.has(name)) this.#heard.delete(name)
    const turn = nodes.length <= FEED_LIMITS.nodesPerTurn ? nodes : this.#nextTurn(nodes)
    for (let at = 0; at < turn.length; at += FEED_LIMITS.parallel) {
      await Promise.all(turn.slice(at, at + FEED_LIMITS.parallel).map(({ name }) => this.#askNode(name)))
    }
  }

  #nextTurn(nodes: readonly OverviewNode[]): readonly OverviewNode[] {
    const size = FEED_LIMITS.nodesPerTurn
    const turns = Math.ceil(nodes.length / size)
    const at = (this.#turn++ % turns) * size
    return nodes.slice(at, at + size)
  }

  async #askNode(name: string): Promise<void> {
    const before = this.#heard.get(name)
    const state = await withDeadline(() => this.#sources.node(name).state(), FEED_LIMITS.nodeTimeoutMs)
    if (state === undefined) {
      if (before !== undefined) this.#heard.set(name, { ...before, reachable: false, spent: null })
      return
    }
    const looks = [{ state, atMs: Date.now() }, ...(before?.looks ?? [])].slice(0, LOOKS)
    this.#heard.set(name, { state, looks, spent: spentPerSecond(looks), reachable: true })
  }

  #snapshot(nodes: readonly OverviewNode[], placing: PlacingSummary, nowMs: number): FeedSnapshot {
    const accounts = new Map<string, Map<string, AccountState[]>>()
    for (const [node, { looks }] of this.#heard) {
      const lowest = lowestBalances(looks)
      const low = looks[0]!.state.accounts.map((it) => ({
        ...it,
        balance: lowest.get(keyOf(it)) ?? it.balance,
      }))
      accounts.set(
        node,
        Map.groupBy(low, ({ tenant }) => tenant),
      )
    }
    const { tenants, otherDevices } = withinBudget(
      this.#placed.map((tenant) =>
        feedTenant(tenant, accounts.get(tenant.node ?? '')?.get(tenant.name) ?? []),
      ),
    )
    return {
      atMs: nowMs,
      placing,
      revision: this.#revision ?? 0,
      nodes: nodes.map((node) => feedNode(node, this.#heard.get(node.name))),
      tenants: withLent(tenants),
      leftOut: this.#leftOut,
      ...(otherDevices === undefined ? {} : { otherDevices }),
      events: this.#events,
    }
  }
}

function feedNode({ watts: curve, standbyWatts, ...node }: OverviewNode, heard: Heard | undefined): FeedNode {
  const spent = heard?.spent ?? null
  const watts =
    node.phase === STANDBY
      ? (standbyWatts ?? 0)
      : spent === null || curve === undefined || node.capacity <= 0
        ? null
        : wattsAt(curve, spent / node.capacity)
  return {
    ...node,
    reachable: heard?.reachable ?? false,
    roundMs: heard?.state.roundMs ?? 1_000,
    pool: heard?.reachable === true ? heard.state.pool : 0,
    spent: spent === null ? null : round(spent),
    watts: watts === null ? null : round(watts),
  }
}

/** Edges report in bursts, so that two looks alone would now and then tell of more than the machine can take. */
function spentPerSecond(looks: readonly Look[]): number | null {
  const [last, first] = [looks[0]!, looks.at(-1)!]
  const elapsedMs = last.atMs - first.atMs
  if (elapsedMs <= 0) return null
  const total = ({ state }: Look) => state.accounts.reduce((sum, { usage }) => sum + usage.spent, 0)
  return Math.max(0, ((total(last) - total(first)) * 1_000) / elapsedMs)
}

/** The lowest balance of each account over the last looks, tokens. */
function lowestBalances(looks: readonly Look[]): Map<string, number> {
  const last = looks[0]!
  const lowest = new Map<string, number>()
  // A node begins a round when it is asked for tokens. If it still tells of one that is over, nobody has asked
  // since, and the next round begins with the base less what is owed.
  const over = looks.some(
    ({ state, atMs }) => state.round === last.state.round && last.atMs - atMs > state.roundMs,
  )
  for (const { state } of over ? [last] : looks) {
    for (const account of state.accounts) {
      const key = keyOf(account)
      const balance = over ? account.base - account.owed : account.balance
      lowest.set(key, Math.min(lowest.get(key) ?? balance, balance))
    }
  }
  return lowest
}

function keyOf({ tenant, device = '' }: AccountState): string {
  return `${tenant} ${device}`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

async function withDeadline<T>(call: () => Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeoutMs)
  })
  try {
    return await Promise.race([call(), late])
  } catch {
    return undefined
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}
