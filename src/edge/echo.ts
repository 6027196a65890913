import { failure } from './answers.ts'
import { PIECE_BYTES, passBody } from './body.ts'
import { MAX_ANSWER_TOKENS } from './cost.ts'
import { finish } from './finish.ts'
import type { Visit } from './isolate.ts'
import type { Meter } from './meter.ts'
import { SharedHead } from './shared-head.ts'
import { echoSocket } from './socket.ts'

/** Bounds on what a client may ask of the echo. */
export const ECHO_LIMITS = {
  delayMs: 60_000,
  bytes: 1024 * 1024 * 1024,
} as const

/** A query that asks the echo for something. */
const ASKS = /[?&](?:delayMs|status|bytes|cost|fail|socket)\b/

/**
 * The built-in origin, so that a demo needs nothing else: says whose the request was. For tests and demos the
 * query asks for more: `delayMs` waits first, `status` (200 … 599) answers with it, `bytes` streams so many,
 * `cost` tells a true cost in tokens, `fail` breaks off without an answer, with `socket` a WebSocket gets its
 * messages back. What is no number in its bounds is ignored. A body is read to its end.
 */
export function echo(visit: Visit, meter: Meter): Response | Promise<Response> {
  const { target, hasBody } = visit
  // What is not in the query is not looked for: asking a request for its headers costs 4 µs of CPU.
  if (!ASKS.test(target.search) && !hasBody && !meter.metersAnswer) return plain(visit, meter)
  return asked(visit, meter, new URLSearchParams(target.search))
}

function plain(visit: Visit, meter: Meter): Response {
  const body = textOf(visit, meter)
  // All of it is ASCII: paths are escaped.
  meter.countOut(body.length)
  const { known } = meter
  known.echoHead ??= new SharedHead('application/json')
  meter.note(known.echoHead)
  return new Response(body, known.echoHead.response)
}

/** @param received bytes of the request's body; absent where none was read */
function textOf({ request, target }: Visit, meter: Meter, received?: number): string {
  const { tenant, node } = meter.known.route
  return `${JSON.stringify({ tenant, node, method: request.method, path: target.path, received })}\n`
}

async function asked(visit: Visit, meter: Meter, query: URLSearchParams): Promise<Response> {
  const { request } = visit
  if (query.has('socket') && request.headers.get('Upgrade')?.toLowerCase() === 'websocket') {
    return echoSocket(meter)
  }
  let received = 0
  if (request.body !== null) {
    const pass = (bytes: number) => {
      received += bytes
      return meter.passIn(bytes)
    }
    await passBody(request.body, { pass }).pipeTo(new WritableStream())
  }
  const delayMs = numberOf(query, 'delayMs', 0, ECHO_LIMITS.delayMs)
  if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs))
  if (query.has('fail')) return failure(502, 'upstream-failed', 'the echo was asked to fail')
  const cost = numberOf(query, 'cost', 0, MAX_ANSWER_TOKENS)
  const headers = new Headers(cost === undefined ? {} : { [meter.known.prices.header]: String(cost) })
  const status = numberOf(query, 'status', 200, 599) ?? 200
  const bytes = numberOf(query, 'bytes', 0, ECHO_LIMITS.bytes)
  const empty = status === 204 || status === 205 || status === 304
  const text = bytes === undefined && !empty ? textOf(visit, meter, received) : ''
  headers.set('Content-Type', bytes === undefined ? 'application/json' : 'application/octet-stream')
  if (!empty) headers.set('Content-Length', String(bytes ?? text.length))
  return finish(
    new Response(empty ? null : bytes === undefined ? text : zeros(bytes), { status, headers }),
    meter,
  )
}

function numberOf(query: URLSearchParams, name: string, least: number, most: number): number | undefined {
  const text = query.get(name)
  if (text === null || !/^\d{1,12}(?:\.\d{1,6})?$/.test(text)) return undefined
  const value = Number(text)
  const whole = name === 'cost' || Number.isInteger(value)
  return whole && value >= least && value <= most ? value : undefined
}

function zeros(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left > 0) controller.enqueue(new Uint8Array(Math.min(left, PIECE_BYTES)))
      left -= PIECE_BYTES
      if (left <= 0) controller.close()
    },
  })
}
