import {
  MAX_PAGE,
  type NewToken,
  type Page,
  type PageQuery,
  type Scope,
  type TokenView,
  type WriteOptions,
  type WriteResult,
} from '../core/coordinator-api.ts'
import { err, ok } from '../core/result.ts'
import type { CoordinatorStore } from './coordinator-store.ts'
import { record } from './journal.ts'

type TokenRow = {
  id: string
  hash: string
  note: string
  tenant: string | null
  scopes: string
  created_ms: number
  expires_ms: number | null
  revoked_ms: number | null
}

/** Most tokens that are kept, revoked ones included. */
export const MAX_TOKENS_KEPT = 100_000

/** Keeps a token's hash. The secret itself never comes here. */
export function createToken(
  store: CoordinatorStore,
  token: NewToken,
  options: WriteOptions,
  nowMs: number,
): WriteResult<TokenView> {
  if (token.tenant !== undefined && store.tenant(token.tenant) === undefined) {
    const message = `there is no tenant ${token.tenant}`
    return err([{ code: 'not-found', kind: 'Tenant', name: token.tenant, message }])
  }
  const [count] = store.all<{ n: number }>('SELECT COUNT(*) AS n FROM tokens')
  if (count!.n >= MAX_TOKENS_KEPT || rowOf(store, token.id) !== undefined) {
    const message = count!.n >= MAX_TOKENS_KEPT ? 'there are too many tokens' : 'the id is taken'
    return err([{ code: 'conflict', message }])
  }
  store.run(
    'INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)',
    token.id,
    token.hash,
    token.note,
    token.tenant ?? null,
    token.scopes.join(' '),
    nowMs,
    token.expiresMs ?? null,
  )
  const whose = token.tenant === undefined ? 'an operator' : `tenant ${token.tenant}`
  const message = `for ${whose}, scopes ${token.scopes.join(' ')}`
  record(store, { kind: 'Token', name: token.id, reason: 'Created', message, actor: options.actor }, nowMs)
  return ok(viewOf(rowOf(store, token.id)!))
}

/** Ends a token for good; doing it again changes nothing. */
export function revokeToken(
  store: CoordinatorStore,
  id: string,
  options: WriteOptions,
  nowMs: number,
): WriteResult<TokenView> {
  const row = rowOf(store, id)
  if (row === undefined) return err([{ code: 'not-found', message: `there is no token ${id}` }])
  if (row.revoked_ms === null) {
    store.run('UPDATE tokens SET revoked_ms = ? WHERE id = ?', nowMs, id)
    const message = 'is of no use any more'
    record(store, { kind: 'Token', name: id, reason: 'Revoked', message, actor: options.actor }, nowMs)
  }
  return ok(viewOf(rowOf(store, id)!))
}

/** A page of tokens by id. */
export function listTokens(store: CoordinatorStore, { after, limit }: PageQuery): Page<TokenView> {
  const size = Math.max(1, Math.min(MAX_PAGE, Math.floor(limit)))
  const rows = store.all<TokenRow>(
    'SELECT * FROM tokens WHERE id > ? ORDER BY id LIMIT ?',
    after ?? '',
    size + 1,
  )
  const items = rows.slice(0, size).map(viewOf)
  return rows.length > size ? { items, next: rows[size - 1]!.id } : { items }
}

/** The token of an id whose hash is the one given, unless it is revoked, expired, or its tenant is gone. */
export function findToken(
  store: CoordinatorStore,
  id: string,
  hash: string,
  nowMs: number,
): TokenView | null {
  const row = rowOf(store, id)
  if (row === undefined || !sameText(row.hash, hash)) return null
  if (row.revoked_ms !== null || (row.expires_ms !== null && row.expires_ms <= nowMs)) return null
  // A tenant made anew under the name of a deleted one is somebody else.
  const owner = row.tenant === null ? undefined : store.tenant(row.tenant)
  if (row.tenant !== null && (owner === undefined || owner.created_ms > row.created_ms)) return null
  return viewOf(row)
}

/** Compares hashes in a time that does not depend on where they differ. */
function sameText(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length))
  return difference === 0
}

function rowOf(store: CoordinatorStore, id: string): TokenRow | undefined {
  return store.all<TokenRow>('SELECT * FROM tokens WHERE id = ?', id)[0]
}

function viewOf(row: TokenRow): TokenView {
  return {
    id: row.id,
    note: row.note,
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    scopes: row.scopes.split(' ') as Scope[],
    createdMs: row.created_ms,
    ...(row.expires_ms === null ? {} : { expiresMs: row.expires_ms }),
    ...(row.revoked_ms === null ? {} : { revokedMs: row.revoked_ms }),
  }
}
