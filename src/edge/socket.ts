import { failure } from './answers.ts'
import type { Meter } from './meter.ts'

/** Messages of one direction that wait for their tokens, at most; beyond, the connection is closed. */
const MAX_WAITING_BYTES = 1024 * 1024
/** RFC 6455, 7.4.1 and the registry: closed normally; try again later. */
const NORMAL = 1000
const TRY_AGAIN_LATER = 1013

/** Joins a client's WebSocket to the origin's; every message passes by the meter, in order. */
export function relay(answer: Response, meter: Meter): Response {
  const origin = answer.webSocket
  if (origin === null) return failure(502, 'upstream-failed', 'the origin did not accept the socket')
  meter.commit(answer.headers.get(meter.known.prices.header))
  const [client, edge] = pair()
  origin.accept()
  edge.accept()
  pipe(edge, origin, (bytes) => meter.passIn(bytes))
  pipe(origin, edge, (bytes) => meter.passOut(bytes))
  const protocol = answer.headers.get('Sec-WebSocket-Protocol')
  const headers = protocol === null ? {} : { 'Sec-WebSocket-Protocol': protocol }
  return new Response(null, { status: 101, webSocket: client, headers })
}

/** A WebSocket of the built-in origin: every message comes back. */
export function echoSocket(meter: Meter): Response {
  meter.commit(null)
  const [client, edge] = pair()
  edge.accept()
  pipe(edge, edge, async (bytes) => {
    await meter.passIn(bytes)
    await meter.passOut(bytes)
  })
  return new Response(null, { status: 101, webSocket: client })
}

function pair(): [client: WebSocket, edge: WebSocket] {
  const { 0: client, 1: edge } = new WebSocketPair()
  return [client, edge]
}

/** Sends on what comes, each message after it was paid for; sockets know no back-pressure, so what waits is bounded. */
function pipe(from: WebSocket, to: WebSocket, pass: (bytes: number) => void | Promise<void>): void {
  let turn: Promise<void> = Promise.resolve()
  let waiting = 0
  from.addEventListener('message', ({ data }) => {
    const bytes = sizeOf(data)
    waiting += bytes
    if (waiting > MAX_WAITING_BYTES) {
      close(from, TRY_AGAIN_LATER, 'quota-exceeded')
      close(to, TRY_AGAIN_LATER, 'quota-exceeded')
      return
    }
    turn = turn.then(async () => {
      await pass(bytes)
      waiting -= bytes
      if (to.readyState === WebSocket.READY_STATE_OPEN) to.send(data)
    })
  })
  from.addEventListener('close', ({ code, reason }) => {
    turn = turn.then(() => close(to, code, reason))
    if (from === to) return
    close(from, code, reason)
  })
  from.addEventListener('error', () => close(to, TRY_AGAIN_LATER, 'connection lost'))
}

function sizeOf(data: string | ArrayBuffer | Blob): number {
  if (typeof data === 'string') return new TextEncoder().encode(data).byteLength
  return data instanceof ArrayBuffer ? data.byteLength : data.size
}

/** Codes that say how a connection broke (1005, 1006, 1015) cannot be sent. */
function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.READY_STATE_CLOSED) return
  const sendable =
    code >= 1000 && code < 5000 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015
  try {
    socket.close(sendable ? code : NORMAL, reason.slice(0, 120))
  } catch {
    // The other side was faster.
  }
}
