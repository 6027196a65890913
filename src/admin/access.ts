import { verifyWithJwks } from 'hono/jwt'
import type { AdminEnv, Principal } from './env.ts'

type VerifyOptions = Parameters<typeof verifyWithJwks>[1]

/** Public keys as a JWKS document holds them. */
export type AccessKeys = NonNullable<VerifyOptions['keys']>

/** Reads the keys of a team domain. Tests give their own. */
export type KeySource = (teamDomain: string) => Promise<AccessKeys>

/** How long keys are believed, and how often they are read again for an unknown key id, ms. */
const KEYS = { freshMs: 600_000, againMs: 30_000, timeoutMs: 5_000 } as const

/** Reads `/cdn-cgi/access/certs` of the team. */
export const fetchKeys: KeySource = async (teamDomain) => {
  const signal = AbortSignal.timeout(KEYS.timeoutMs)
  const answer = await fetch(`https://${teamDomain}/cdn-cgi/access/certs`, { signal, redirect: 'error' })
  if (!answer.ok) throw new Error(`the keys of ${teamDomain} answered ${answer.status}`)
  const { keys } = (await answer.json()) as { keys: AccessKeys }
  return keys
}

/** Whether operators may come through Cloudflare Access. */
export function accessConfigured(env: AdminEnv): boolean {
  return (env.STINT_ACCESS_TEAM_DOMAIN ?? '') !== '' && (env.STINT_ACCESS_AUD ?? '') !== ''
}

/**
 * Verifies a JWT of Cloudflare Access: signature by a key of the team, issuer, audience and times.
 * Access has decided who may come at all, so whoever comes is an operator with every scope.
 */
export class AccessVerifier {
  readonly #source: KeySource
  #cached: { readonly team: string; readonly keys: AccessKeys; readonly readMs: number } | undefined

  constructor(source: KeySource) {
    this.#source = source
  }

  /** @returns the operator, or undefined when anything about the token is wrong */
  async verify(token: string, env: AdminEnv): Promise<Principal | undefined> {
    const team = env.STINT_ACCESS_TEAM_DOMAIN
    const audience = env.STINT_ACCESS_AUD
    if (!accessConfigured(env) || team === undefined || audience === undefined) return undefined
    if (token.length > 16_384) return undefined
    for (const again of [false, true]) {
      const keys = await this.#keys(team, again)
      if (keys === undefined) return undefined
      try {
        const verification = { iss: `https://${team}`, aud: audience, exp: true, nbf: true, iat: true }
        const claims = await verifyWithJwks(token, {
          keys,
          allowedAlgorithms: ['RS256', 'ES256'],
          verification,
        })
        if (typeof claims['exp'] !== 'number') return undefined
        const who = typeof claims['email'] === 'string' ? claims['email'] : String(claims['sub'] ?? 'unknown')
        return { actor: `access ${who.slice(0, 128)}`, scopes: ['read', 'write', 'signals', 'tokens'] }
      } catch {
        // Perhaps signed by a key made since: read the keys once more, then give up.
      }
    }
    return undefined
  }

  /** Plain data may be shared between requests of an isolate; the promise of reading it may not. */
  async #keys(team: string, again: boolean): Promise<AccessKeys | undefined> {
    const ageMs = this.#cached?.team === team ? Date.now() - this.#cached.readMs : Number.POSITIVE_INFINITY
    if (ageMs < (again ? KEYS.againMs : KEYS.freshMs)) return again ? undefined : this.#cached?.keys
    try {
      const keys = await this.#source(team)
      this.#cached = { team, keys, readMs: Date.now() }
      return keys
    } catch (error) {
      console.error('keys of Cloudflare Access', error)
      return again ? undefined : this.#cached?.keys
    }
  }
}
