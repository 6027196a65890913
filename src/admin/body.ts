import type { MiddlewareHandler } from 'hono'
import type { AdminHono } from './env.ts'
import { Problem } from './problem.ts'

/** Longest bodies, bytes. */
export const BODY_LIMITS = {
  /** A set of manifests: 10 000 tenants are about 9 MB. */
  apply: 24 << 20,
  /** One manifest. */
  object: 1 << 20,
  signals: 256 << 10,
  small: 16 << 10,
} as const

/** What a body may be written in. */
export type BodyKind = 'json' | 'json or yaml'

const JSON_TYPE = /^application\/json\s*(?:;\s*charset=utf-8\s*)?$/i
const YAML_TYPE = /^(?:application\/yaml|text\/yaml|application\/x-yaml)\s*(?:;\s*charset=utf-8\s*)?$/i

/**
 * Reads a body before anything else looks at it: refused over the limit (whatever its length header says),
 * in another content type, when it is not UTF-8, or when it is not JSON. YAML is parsed by the manifest reader.
 */
export function readBody(limitBytes: number, kind: BodyKind = 'json'): MiddlewareHandler<AdminHono> {
  return async function body(c, next) {
    const type = c.req.header('content-type') ?? ''
    const yaml = kind === 'json or yaml' && YAML_TYPE.test(type)
    if (!yaml && !JSON_TYPE.test(type)) {
      const wanted = kind === 'json' ? 'application/json' : 'application/json or application/yaml'
      throw new Problem(415, 'content-type', `the body must be ${wanted}`)
    }
    if (c.req.header('content-encoding') !== undefined) {
      throw new Problem(415, 'content-encoding', 'the body must not be compressed')
    }
    const bytes = await readWithin(c.req.raw, limitBytes)
    const text = decode(bytes)
    c.set('bodyText', text)
    c.set('body', yaml ? text : parseJson(text))
    // The contract's validators read the body too: give them what was read here.
    c.req.raw = new Request(c.req.raw, { body: bytes })
    await next()
  }
}

async function readWithin(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Problem(413, 'too-large', `the body must have at most ${limitBytes} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) throw tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body?.getReader()
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    length += part.value.byteLength
    if (length > limitBytes) {
      await reader?.cancel().catch(() => undefined)
      throw tooLarge()
    }
    chunks.push(part.value)
  }
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Problem(400, 'not-utf-8', 'the body must be UTF-8')
  }
}

function parseJson(text: string): unknown {
  if (text.startsWith('\uFEFF'))
    throw new Problem(400, 'bad-json', 'the body must not start with a byte order mark')
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const where = error instanceof Error ? (/at position \d+[^:]*/.exec(error.message)?.[0] ?? '') : ''
    const what = text.trim() === '' ? 'the body is empty; it must be JSON' : `the body is not JSON ${where}`
    throw new Problem(400, 'bad-json', what.trim())
  }
}
