import type { Context } from 'hono'
import type { WriteOptions } from '../core/coordinator-api.ts'
import { compositeKey } from '../core/name.ts'
import type { AdminHono } from './env.ts'
import { Problem } from './problem.ts'
import { sha256, toHex } from './secret.ts'

/** The entity tag of a revision. */
export function entityTag(revision: number): string {
  return `"${revision}"`
}

/**
 * The revision a write demands by `If-Match: "7"`, or by `If-None-Match: *` that the object is new (`null`).
 * `If-Match: *` demands nothing.
 *
 * @param required whether a write without either is refused (428): two writers must not overwrite each other unseen
 */
export function ifRevision(c: Context<AdminHono>, required: boolean): { ifRevision?: number | null } {
  const match = c.req.header('if-match')
  const none = c.req.header('if-none-match')
  if (match !== undefined && none !== undefined) {
    throw new Problem(400, 'bad-precondition', 'If-Match and If-None-Match exclude each other')
  }
  if (none === '*') return { ifRevision: null }
  if (none !== undefined) throw new Problem(400, 'bad-precondition', 'If-None-Match must be *')
  if (match === '*') return {}
  if (match !== undefined) {
    const revision = /^"(\d{1,15})"$/.exec(match)?.[1]
    if (revision !== undefined) return { ifRevision: Number(revision) }
    if (/^(?:W\/)?"[!#-~]*"$/.test(match))
      throw new Problem(412, 'stale', 'If-Match names no revision of this object')
    throw new Problem(400, 'bad-precondition', 'If-Match must be the ETag of an earlier answer')
  }
  if (!required) return {}
  const detail =
    'send If-Match with the ETag you read, If-None-Match: * for a new object, or If-Match: * for any'
  throw new Problem(428, 'precondition-required', detail)
}

/** What every write says of itself: who, and under which idempotency key. */
export async function writeOptions(c: Context<AdminHono>): Promise<WriteOptions> {
  const { actor } = c.get('principal')
  const key = c.req.header('idempotency-key')
  if (key === undefined) return { actor }
  if (!/^[!-~]{1,255}$/.test(key)) {
    throw new Problem(400, 'bad-idempotency-key', 'Idempotency-Key must be 1 to 255 printable characters')
  }
  const { pathname, search } = new URL(c.req.url)
  const precondition = `${c.req.header('if-match') ?? ''} ${c.req.header('if-none-match') ?? ''}`
  const asked = [c.req.method, pathname + search, precondition, c.get('bodyText') ?? ''].join('\n')
  const fingerprint = toHex(await sha256(asked))
  return { actor, idempotency: { key: compositeKey(actor, key), fingerprint } }
}
