import type { MiddlewareHandler } from 'hono'
import { SCOPES, type Scope } from '../core/coordinator-api.ts'
import { AccessVerifier, accessConfigured, type KeySource } from './access.ts'
import { type AdminEnv, type AdminHono, MAIN, MIN_SECRET_LENGTH, type Principal } from './env.ts'
import { Problem } from './problem.ts'
import { parseToken, sameBytes, sha256, toHex } from './secret.ts'

const HOW_TO_SET = `no admin secret is configured: set STINT_ADMIN_TOKEN to at least ${MIN_SECRET_LENGTH} random characters \
(wrangler secret put STINT_ADMIN_TOKEN), or STINT_ACCESS_TEAM_DOMAIN and STINT_ACCESS_AUD for Cloudflare Access`

/**
 * Finds out who asks: the root secret or a token as `Authorization: Bearer …`, or a JWT of Cloudflare Access.
 * Whatever is wrong with a credential, the answer is the same 401.
 */
export function authenticate(keySource: KeySource): MiddlewareHandler<AdminHono> {
  const access = new AccessVerifier(keySource)
  return async function who(c, next) {
    const rootReady = rootSecret(c.env) !== undefined
    if (!rootReady && !accessConfigured(c.env)) throw new Problem(503, 'no-secret', HOW_TO_SET)
    const principal =
      (await byBearer(c.req.header('authorization'), c.env)) ??
      (await byAccess(c.req.header('cf-access-jwt-assertion'), c.env, access))
    if (principal === undefined) throw new Problem(401, 'unauthorized', 'a valid token is needed')
    c.set('principal', principal)
    await next()
  }
}

function rootSecret(env: AdminEnv): string | undefined {
  const secret = env.STINT_ADMIN_TOKEN ?? ''
  return secret.length >= MIN_SECRET_LENGTH ? secret : undefined
}

async function byBearer(header: string | undefined, env: AdminEnv): Promise<Principal | undefined> {
  const presented = /^Bearer ([!-~]{1,512})$/i.exec(header ?? '')?.[1] ?? ''
  const root = rootSecret(env)
  // Hashes have one length and say nothing about the secret, so that comparing them takes one time.
  const [hash, rootHash] = await Promise.all([sha256(presented), sha256(root ?? '')])
  if (sameBytes(hash, rootHash) && root !== undefined) return { actor: 'root', scopes: SCOPES }
  const token = parseToken(presented)
  if (token === undefined) return undefined
  const found = await env.COORDINATOR.getByName(MAIN).findToken(token.id, toHex(hash))
  if (found === null) return undefined
  const tenant = found.tenant === undefined ? {} : { tenant: found.tenant }
  return { actor: `token ${found.id}`, scopes: found.scopes, ...tenant }
}

async function byAccess(
  jwt: string | undefined,
  env: AdminEnv,
  access: AccessVerifier,
): Promise<Principal | undefined> {
  return jwt === undefined ? undefined : access.verify(jwt, env)
}

/** Lets only operators with the scope pass. */
export function operators(scope: Scope): MiddlewareHandler<AdminHono> {
  return async function onlyOperators(c, next) {
    const principal = c.get('principal')
    if (principal.tenant !== undefined || !principal.scopes.includes(scope)) {
      throw new Problem(403, 'forbidden', `needs an operator's token with scope ${scope}`)
    }
    await next()
  }
}

/** Lets operators and tenants with the scope pass; the handler keeps a tenant to its own. */
export function scoped(scope: Scope): MiddlewareHandler<AdminHono> {
  return async function onlyScoped(c, next) {
    if (!c.get('principal').scopes.includes(scope)) {
      throw new Problem(403, 'forbidden', `needs scope ${scope}`)
    }
    await next()
  }
}

/** Lets operators and tenants with scope `read` pass; the handler shows a tenant only its own. */
export function readers(): MiddlewareHandler<AdminHono> {
  return async function onlyReaders(c, next) {
    if (!c.get('principal').scopes.includes('read')) throw new Problem(403, 'forbidden', 'needs scope read')
    await next()
  }
}

/** Refuses a tenant that asks about another one, as if there were no such tenant. */
export function ownOnly(principal: Principal, tenant: string): void {
  if (principal.tenant === undefined || principal.tenant === tenant) return
  throw new Problem(404, 'not-found', `there is no tenant ${tenant}`)
}
