import { createDurable } from 'itty-durable'
import { SIGNAL_LIMITS, type Signal, signalKey } from '../core/signals.ts'

/** The only calls that come through, each with its method of the object. */
const ALLOWED: Readonly<Record<string, 'post' | 'read'>> = { 'POST /post': 'post', 'GET /read': 'read' }

/** Longest request body, characters. */
const MAX_BODY = 512 << 10

const Durable = createDurable({ autoPersist: false })

/**
 * What the outside says: electricity price and carbon intensity by zone, notes on nodes. A small plain object
 * on itty-durable, which would answer to every method, setter and `destroy` under `/do/…`: this class's
 * `fetch` stands in front of it and lets the two allowed calls through, as requests it builds itself.
 */
export class SignalBoard extends Durable {
  /** By {@link signalKey}. The library stores and loads every such property. */
  signals: Record<string, Signal> = {}

  /** The environment's bindings are not passed on: the library would hand out stubs to them. */
  constructor(state: DurableObjectState) {
    super(state, {})
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const method = ALLOWED[`${request.method} ${pathname}`]
    if (method === undefined) return Response.json({ error: 'no such call' }, { status: 404 })
    const text = method === 'post' ? await request.text() : '[]'
    if (text.length > MAX_BODY) return Response.json({ error: 'too much' }, { status: 413 })
    // The library reads arguments from a header: ASCII only.
    const content = text.replace(/[^ -~]/g, '')
    const headers = { 'do-content': method === 'post' ? JSON.stringify([content]) : '[]' }
    return super.fetch(new Request(`https://board/do/call/${method}`, { headers }))
  }

  /** Replaces what is said of the same zone and measure, or node. The text is a JSON list of signals. */
  async post(text: unknown): Promise<{ kept: number } | Response> {
    // Loaded by the first post: the schema library has no place in what an isolate starts with.
    const { batch } = await import('./batch.ts')
    const parsed = batch.safeParse(parseJson(text))
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      const where = issue?.path.join('.') ?? ''
      return Response.json({ error: `${where} ${issue?.message ?? 'is wrong'}`.trim() }, { status: 400 })
    }
    const signals = new Map(Object.entries(this.signals))
    for (const signal of parsed.data) {
      // Taken out first, so that the order is that of the last posts.
      signals.delete(signalKey(signal))
      signals.set(signalKey(signal), signal)
    }
    for (const key of signals.keys()) {
      if (signals.size <= SIGNAL_LIMITS.kept) break
      signals.delete(key)
    }
    this.signals = Object.fromEntries(signals)
    await this.persist()
    return { kept: signals.size }
  }

  async read(): Promise<readonly Signal[]> {
    return Object.values(this.signals)
  }
}

function parseJson(text: unknown): unknown {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined
  } catch {
    return undefined
  }
}
