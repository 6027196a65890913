import { DurableObject } from 'cloudflare:workers'
import type { NodeApi } from '../core/control.ts'
import type { CoordinatorApi } from '../core/coordinator-api.ts'
import {
  FEED_LIMITS,
  FEED_PROTOCOL,
  type FeedApi,
  type FeedSnapshot,
  type FeedViewer,
  TICKET_PREFIX,
} from '../core/feed.ts'
import { type DataPoint, dataPoints } from './data-points.ts'
import { Gatherer } from './gather.ts'
import { type Content, changeOf, forTenant, wholeOf } from './messages.ts'

/** What the feed needs of the platform. */
export interface FeedEnv {
  readonly NODES: DurableObjectNamespace<NodeApi & Rpc.DurableObjectBranded>
  readonly COORDINATOR: DurableObjectNamespace<CoordinatorApi & Rpc.DurableObjectBranded>
  /** A dataset of Analytics Engine, where one is bound. */
  readonly STINT_ANALYTICS?: { writeDataPoint(point: DataPoint): void }
}

/** How often data points are written, ms. */
const POINTS_MS = 60_000

/** What hibernation must not forget of a connection. */
interface Attachment extends FeedViewer {
  readonly sinceMs: number
  /** Number of the last message sent, and of the last one the page confirmed, and when. */
  readonly sent: number
  readonly confirmed: number
  readonly confirmedMs: number
  /** Has missed something: the next message is a whole one. */
  readonly missed: boolean
}

/** Codes by which connections are ended; the page tells by them whether to come back. */
const CLOSE = { again: 4_000, slow: 4_001 } as const

/**
 * Keeps the live picture: asks the coordinator and the nodes once a second while somebody watches, however
 * many do, and tells every viewer what changed. Connections are hibernatable and the pace is the alarm's, so
 * that watching keeps nothing in memory; nothing is stored.
 */
export class FeedObject extends DurableObject<FeedEnv> implements FeedApi {
  readonly #gatherer: Gatherer
  readonly #tickets = new Map<string, { readonly viewer: FeedViewer; readonly untilMs: number }>()
  #last: FeedSnapshot | undefined
  /** The snapshot viewers were told of last; changes are counted from it. */
  #told: FeedSnapshot | undefined
  /** The snapshot that data points were written of last. */
  #written: FeedSnapshot | undefined
  #gathering: Promise<FeedSnapshot> | undefined

  constructor(ctx: DurableObjectState, env: FeedEnv) {
    super(ctx, env)
    this.#gatherer = new Gatherer({
      coordinator: () => env.COORDINATOR.getByName('main'),
      node: (name) => env.NODES.getByName(name),
    })
  }

  async ticket(viewer: FeedViewer): Promise<string | null> {
    const nowMs = Date.now()
    for (const [id, { untilMs }] of this.#tickets) if (untilMs <= nowMs) this.#tickets.delete(id)
    if (this.#tickets.size >= FEED_LIMITS.tickets) return null
    const bytes = crypto.getRandomValues(new Uint8Array(24))
    const ticket = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    this.#tickets.set(ticket, { viewer, untilMs: nowMs + FEED_LIMITS.ticketTtlMs })
    return ticket
  }

  async snapshot(): Promise<FeedSnapshot> {
    const now = await this.#gather()
    if (this.env.STINT_ANALYTICS !== undefined && (await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(now.atMs + POINTS_MS)
    }
    return now
  }

  /** Opens a connection for who holds a ticket; a ticket opens one. */
  override async fetch(request: Request): Promise<Response> {
    const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((it) => it.trim())
    const ticket = offered.find((it) => it.startsWith(TICKET_PREFIX))?.slice(TICKET_PREFIX.length) ?? ''
    const entry = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    const nowMs = Date.now()
    if (entry === undefined || entry.untilMs <= nowMs || !offered.includes(FEED_PROTOCOL)) {
      return new Response('a valid ticket is needed', { status: 401 })
    }
    const { viewer } = entry
    if (!this.#hasPlace(viewer)) {
      return new Response('too many viewers', { status: 503, headers: { 'retry-after': '10' } })
    }
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server, [viewer.tenant === undefined ? 'operators' : `tenant ${viewer.tenant}`])
    const attachment = { ...viewer, sinceMs: nowMs, sent: 0, confirmed: 0, confirmedMs: nowMs, missed: true }
    server.serializeAttachment(attachment satisfies Attachment)
    // The first picture follows at once: the pace of the others is not waited for.
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(nowMs)
    else if (this.#last !== undefined) this.#send(server, wholeOf(this.#last), wholeOf(this.#last), nowMs)
    const headers = { 'sec-websocket-protocol': FEED_PROTOCOL }
    return new Response(null, { status: 101, webSocket: client, headers })
  }

  /** A viewer confirms what it has shown, by its number; anything else ends the connection. */
  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const confirmed = typeof message === 'string' && /^\d{1,15}$/.test(message) ? Number(message) : undefined
    const viewer = attachmentOf(socket)
    if (viewer === undefined || confirmed === undefined || confirmed > viewer.sent) {
      socket.close(1_008, 'not a confirmation')
      return
    }
    if (confirmed <= viewer.confirmed) return
    socket.serializeAttachment({ ...viewer, confirmed, confirmedMs: Date.now() } satisfies Attachment)
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    socket.close(1_000, 'closed')
  }

  override async alarm(): Promise<void> {
    const startedMs = Date.now()
    if (this.ctx.getWebSockets().length === 0) {
      // With a dataset the numbers are kept on being written; the first question, such as a scrape, begins it.
      if (this.env.STINT_ANALYTICS === undefined) return
      await this.ctx.storage.setAlarm(startedMs + POINTS_MS)
      await this.#gather().catch((error: unknown) => console.error('no data points:', error))
      return
    }
    // Set before the work, so that one failure does not end the stream.
    const spreadMs = Math.floor(Math.random() * FEED_LIMITS.spreadMs)
    await this.ctx.storage.setAlarm(startedMs + FEED_LIMITS.everyMs + spreadMs)
    try {
      this.#tell(await this.#gather())
    } catch (error) {
      // The page says by itself that what it shows is stale.
      console.error('the feed could not ask the coordinator:', error)
    }
  }

  /** Asks everybody, once for all who want to know within {@link FEED_LIMITS}.everyMs: viewers and scrapes. */
  async #gather(): Promise<FeedSnapshot> {
    const ageMs = Date.now() - (this.#last?.atMs ?? 0)
    if (this.#last !== undefined && ageMs >= 0 && ageMs < FEED_LIMITS.everyMs) return this.#last
    this.#gathering ??= this.#gatherer.gather(Date.now()).finally(() => {
      this.#gathering = undefined
    })
    this.#last = await this.#gathering
    this.#write(this.#last)
    return this.#last
  }

  #write(now: FeedSnapshot): void {
    const dataset = this.env.STINT_ANALYTICS
    if (dataset === undefined) return
    if (this.#written !== undefined && now.atMs - this.#written.atMs < POINTS_MS) return
    for (const point of this.#written === undefined ? [] : dataPoints(this.#written, now)) {
      dataset.writeDataPoint(point)
    }
    this.#written = now
  }

  #tell(now: FeedSnapshot): void {
    const whole = wholeOf(now)
    const change = this.#told === undefined ? whole : changeOf(this.#told, now)
    this.#told = now
    const nowMs = Date.now()
    for (const socket of this.ctx.getWebSockets()) this.#send(socket, change, whole, nowMs)
  }

  #send(socket: WebSocket, change: Content, whole: Content, nowMs: number): void {
    const viewer = attachmentOf(socket)
    if (viewer === undefined) return
    if (nowMs - viewer.sinceMs > FEED_LIMITS.sessionMs) {
      socket.close(CLOSE.again, 'come back')
      return
    }
    const behind = viewer.sent - viewer.confirmed
    if (behind > 0 && nowMs - viewer.confirmedMs > FEED_LIMITS.silentMs) {
      socket.close(CLOSE.slow, 'nothing was confirmed')
      return
    }
    if (behind >= FEED_LIMITS.unconfirmed) {
      if (!viewer.missed) socket.serializeAttachment({ ...viewer, missed: true } satisfies Attachment)
      return
    }
    const content = viewer.missed ? whole : change
    const own = viewer.tenant === undefined ? content : forTenant(content, viewer.tenant)
    const sent = viewer.sent + 1
    try {
      socket.send(JSON.stringify({ kind: 'feed', seq: sent, ...own }))
      const confirmedMs = behind === 0 ? nowMs : viewer.confirmedMs
      socket.serializeAttachment({ ...viewer, sent, confirmedMs, missed: false } satisfies Attachment)
    } catch {
      // Closed under our hands: the platform tells of it.
    }
  }

  #hasPlace({ tenant }: FeedViewer): boolean {
    if (this.ctx.getWebSockets().length >= FEED_LIMITS.viewers) return false
    if (tenant === undefined) return true
    return this.ctx.getWebSockets(`tenant ${tenant}`).length < FEED_LIMITS.viewersPerTenant
  }
}

function attachmentOf(socket: WebSocket): Attachment | undefined {
  return (socket.deserializeAttachment() as Attachment | null) ?? undefined
}
