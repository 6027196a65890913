import type { JournalEvent } from '../../core/coordinator-api.ts'
import {
  FEED_PROTOCOL,
  type FeedMessage,
  type FeedNode,
  type FeedTenant,
  TICKET_PREFIX,
} from '../../core/feed.ts'
import { History } from './history.ts'
import { ApiError, ask, type Welcome } from './session.ts'

/** How the stream is: `refused` ends it until somebody signs in again. */
export type LinkState = 'connecting' | 'live' | 'stale' | 'away' | 'refused'

/** What a tenant does per second, from the difference of two messages. */
export interface Rates {
  readonly admitted: number
  readonly refused: number
  readonly borrowed: number
}

/** What rates are counted from. */
type Counted = Pick<FeedTenant, 'admitted' | 'refused' | 'borrowedTotal'>

const IDLE: Rates = { admitted: 0, refused: 0, borrowed: 0 }
/** Without a message for so long what is shown is called stale, ms. */
const STALE_MS = 4_000
const RETRY_MS = { first: 500, most: 10_000 } as const
const MAX_EVENTS = 500
/** Messages a rate is taken over. */
const LOOKS = 4

/** The live picture as the page has it: one connection, which comes back by itself. */
export class Live {
  readonly nodes = new Map<string, FeedNode>()
  readonly tenants = new Map<string, FeedTenant>()
  readonly rates = new Map<string, Rates>()
  readonly history = new History()
  events: readonly JournalEvent[] = []
  leftOut = 0
  revision = 0
  state: LinkState = 'connecting'
  /** Why the stream is away or was refused. */
  reason = ''
  welcome: Welcome | undefined
  /** Grows with every change of anything here. */
  version = 0
  readonly #changed: () => void
  /** What tenants that did something lately were at the last looks, the oldest first. */
  readonly #trails = new Map<string, { readonly atMs: number; readonly tenant: FeedTenant }[]>()
  #socket: WebSocket | undefined
  #heardMs = 0
  #atMs = 0
  #retryMs: number = RETRY_MS.first
  #timer: ReturnType<typeof setTimeout> | undefined
  #watch: ReturnType<typeof setInterval> | undefined
  #closed = false

  /** @param changed called after every change */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  open(): void {
    this.#watch = setInterval(() => this.#judge(), 500)
    void this.#connect()
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#watch)
    clearTimeout(this.#timer)
    this.#socket?.close()
  }

  /** Seconds since the last message. */
  get ageSeconds(): number {
    return this.#heardMs === 0 ? 0 : Math.round((Date.now() - this.#heardMs) / 1_000)
  }

  async #connect(): Promise<void> {
    try {
      this.welcome = await ask<Welcome>('POST', '/feed')
    } catch (error) {
      if (this.#closed) return
      const refused = error instanceof ApiError && [401, 403].includes(error.status)
      this.#set(refused ? 'refused' : 'away', error instanceof Error ? error.message : String(error))
      if (!refused) this.#retry()
      return
    }
    if (this.#closed) return
    const url = new URL('/_stint/feed', location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url, [FEED_PROTOCOL, TICKET_PREFIX + this.welcome.ticket])
    this.#socket = socket
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(String(data)) as FeedMessage
      this.#retryMs = RETRY_MS.first
      this.#heardMs = Date.now()
      this.#take(message)
      socket.send(String(message.seq))
      this.#set('live', '')
    }
    socket.onclose = ({ code }) => {
      if (this.#closed || this.#socket !== socket) return
      // Ended so that it begins anew with a fresh ticket: nobody needs to be told.
      if (code === 4_000) return void this.#connect()
      this.#set('away', 'the connection was lost')
      this.#retry()
    }
  }

  #retry(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#connect(), this.#retryMs * (0.75 + Math.random() / 2))
    this.#retryMs = Math.min(RETRY_MS.most, this.#retryMs * 2)
  }

  #judge(): void {
    if (this.state === 'live' && Date.now() - this.#heardMs > STALE_MS) this.#set('stale', '')
    else if (this.state === 'stale' || this.state === 'away') this.#set(this.state, this.reason)
  }

  #set(state: LinkState, reason: string): void {
    this.state = state
    this.reason = reason
    this.version++
    this.#changed()
  }

  #take(message: FeedMessage): void {
    if (message.whole) this.#forgetOthers(message)
    for (const name of message.goneNodes) this.nodes.delete(name)
    for (const name of message.goneTenants) this.tenants.delete(name)
    for (const node of message.nodes) this.nodes.set(node.name, node)
    for (const tenant of message.tenants) {
      const before = this.tenants.get(tenant.name)
      if (before !== undefined && !this.#trails.has(tenant.name)) {
        this.#trails.set(tenant.name, [{ atMs: this.#atMs, tenant: before }])
      }
      this.tenants.set(tenant.name, tenant)
    }
    this.#rate(message.atMs)
    const lastSeq = message.whole ? 0 : (this.events.at(-1)?.seq ?? 0)
    const fresh = message.events.filter(({ seq }) => seq > lastSeq)
    this.events = (message.whole ? fresh : [...this.events, ...fresh]).slice(-MAX_EVENTS)
    this.leftOut = message.leftOut
    this.revision = message.revision
  }

  /** Works out the rates of all who did something lately. Edges report in bursts, so one look is too short. */
  #rate(atMs: number): void {
    // Told again, as to somebody new: no moment of its own.
    if (atMs === this.#atMs) return
    this.#atMs = atMs
    this.rates.clear()
    this.history.begin(atMs)
    for (const [name, trail] of this.#trails) {
      const tenant = this.tenants.get(name)
      if (tenant === undefined) {
        this.#trails.delete(name)
        continue
      }
      trail.push({ atMs, tenant })
      if (trail.length > LOOKS) trail.shift()
      const first = trail[0]!
      if (trail.length === LOOKS && first.tenant === tenant) this.#trails.delete(name)
      if (atMs <= first.atMs) continue
      const rates = ratesOf(first.tenant, tenant, atMs - first.atMs)
      this.rates.set(name, rates)
      this.history.note(name, rates.admitted, rates.refused)
    }
  }

  #forgetOthers({ nodes, tenants }: FeedMessage): void {
    const nodeNames = new Set(nodes.map(({ name }) => name))
    const tenantNames = new Set(tenants.map(({ name }) => name))
    for (const name of this.nodes.keys()) if (!nodeNames.has(name)) this.nodes.delete(name)
    for (const name of this.tenants.keys()) if (!tenantNames.has(name)) this.tenants.delete(name)
  }

  /** What a tenant does per second now. */
  ratesOf(tenant: string): Rates {
    return this.rates.get(tenant) ?? IDLE
  }

  /** What one of its devices does per second now. */
  deviceRates(tenant: string, device: string): Rates {
    const trail = this.#trails.get(tenant)
    const [first, last] = [trail?.[0], trail?.at(-1)]
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return IDLE
    const at = (look: FeedTenant) => look.devices?.find(({ name }) => name === device)
    const [before, now] = [at(first.tenant), at(last.tenant)]
    return before === undefined || now === undefined ? IDLE : ratesOf(before, now, last.atMs - first.atMs)
  }
}

/** Counters only grow; one that is lower belongs to an account that began anew. */
function ratesOf(before: Counted, now: Counted, elapsedMs: number): Rates {
  const per = (a: number, b: number) => Math.max(0, ((b - a) * 1_000) / elapsedMs)
  return {
    admitted: per(before.admitted, now.admitted),
    refused: per(before.refused, now.refused),
    borrowed: per(before.borrowedTotal, now.borrowedTotal),
  }
}
