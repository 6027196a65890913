import { sleep } from './sleep.ts'

/** Bytes are charged in pieces of at most so many, so that no cost is larger than a piece. */
export const PIECE_BYTES = 64 * 1024

/** Slower than 500 bytes/s, a body does not go on for ever: as Apache's `mod_reqtimeout` has it. */
const SLOWEST_BYTES_PER_MS = 0.5

/** Why a body did not pass whole. */
export class BodyError extends Error {
  readonly code: 'too-large' | 'too-slow'

  constructor(code: 'too-large' | 'too-slow') {
    super(code)
    this.code = code
  }
}

export interface PassOptions {
  /** Called before a piece goes on, with its bytes; the piece waits for what is returned. */
  readonly pass: (bytes: number) => void | Promise<void>
  /** Length to declare to the next hop, if it is known. */
  readonly length?: number | undefined
  readonly maxBytes?: number
  /** How long the sender may keep the next hop waiting; what it sends earns it back, at {@link SLOWEST_BYTES_PER_MS}. */
  readonly idleMs?: number
  /** Called once, when all has passed or with why not. */
  ended?(error?: unknown): void
}

/**
 * A body that passes by a meter: the same bytes, in pieces, each let through in its turn. Whoever reads
 * slowly slows the sender (back-pressure); whoever goes away ends it.
 */
export function passBody(body: ReadableStream<Uint8Array>, options: PassOptions): ReadableStream<Uint8Array> {
  const { readable, writable } =
    options.length === undefined ? new IdentityTransformStream() : new FixedLengthStream(options.length)
  const [reader, writer] = [body.getReader(), writable.getWriter()]
  pump(reader, writer, options).then(
    () => options.ended?.(),
    async (error: unknown) => {
      options.ended?.(error)
      // Either side may be gone already.
      await Promise.allSettled([reader.cancel(error), writer.abort(error)])
    },
  )
  return readable
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  { pass, maxBytes = Number.POSITIVE_INFINITY, idleMs = Number.POSITIVE_INFINITY }: PassOptions,
): Promise<void> {
  let [passed, patienceMs] = [0, idleMs]
  for (;;) {
    const askedAtMs = Date.now()
    const { done, value } = await (idleMs < Number.POSITIVE_INFINITY
      ? inTime(reader, patienceMs)
      : reader.read())
    if (done) break
    passed += value.byteLength
    const earnedMs = value.byteLength / SLOWEST_BYTES_PER_MS
    patienceMs = Math.min(idleMs, patienceMs - (Date.now() - askedAtMs) + earnedMs)
    if (passed > maxBytes) throw new BodyError('too-large')
    for (let from = 0; from < value.byteLength; from += PIECE_BYTES) {
      const piece = value.byteLength <= PIECE_BYTES ? value : value.subarray(from, from + PIECE_BYTES)
      const turn = pass(piece.byteLength)
      if (turn !== undefined) await turn
      await writer.write(piece)
    }
  }
  await writer.close()
}

async function inTime(reader: ReadableStreamDefaultReader<Uint8Array>, ms: number) {
  const deadline = sleep(ms)
  try {
    const read = await Promise.race([reader.read(), deadline.done])
    if (read === undefined) throw new BodyError('too-slow')
    return read
  } finally {
    deadline.cancel()
  }
}

/** The length a message declares; undefined without one, or where the platform changes the encoding. */
export function declaredLength(headers: Headers): number | undefined {
  const text = headers.get('Content-Length')
  if (text === null || !/^\d{1,15}$/.test(text) || headers.has('Content-Encoding')) return undefined
  return Number(text)
}
