import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { sign } from 'hono/jwt'
import { describe, expect, it } from 'vitest'
import { createAdminApp } from '../../src/admin/app.ts'
import type { Env } from '../../src/config.ts'
import { API, adminOf, problem, ROOT, stateOf } from './admin-client.ts'

describe('without a secret', () => {
  it.each([undefined, '', 'too-short'])('%s: answers 503 and says how to set one', async (secret) => {
    const call = adminOf('sec-none', secret === undefined ? {} : { STINT_ADMIN_TOKEN: secret })
    const answer = await call(`${API}/nodes`, { token: secret ?? 'x' })
    expect(answer.status).toBe(503)
    expect((await problem(answer)).detail).toContain('STINT_ADMIN_TOKEN')
  })
})

describe('credentials', () => {
  const unknownToken = `stint_${'0'.repeat(16)}_${'A'.repeat(43)}`
  it.each<[string, Record<string, string>, string]>([
    ['none', {}, ''],
    ['wrong', { authorization: 'Bearer wrong' }, ''],
    ['a prefix of the right one', { authorization: `Bearer ${ROOT.slice(0, -1)}` }, ''],
    ['longer than the right one', { authorization: `Bearer ${ROOT}x` }, ''],
    ['empty', { authorization: 'Bearer ' }, ''],
    ['basic', { authorization: `Basic ${btoa(`root:${ROOT}`)}` }, ''],
    ['in the query', {}, `?token=${ROOT}&access_token=${ROOT}`],
    ['in a cookie', { cookie: `token=${ROOT}` }, ''],
    ['in another header', { 'x-stint-token': ROOT, 'x-api-key': ROOT }, ''],
    ['a token nobody made', { authorization: `Bearer ${unknownToken}` }, ''],
    ['a JWT while Access is not configured', { 'cf-access-jwt-assertion': 'a.b.c' }, ''],
    ['spoofed addresses', { 'x-forwarded-for': '127.0.0.1', 'cf-connecting-ip': '127.0.0.1' }, ''],
  ])('%s: the same 401', async (_, headers, query) => {
    const call = adminOf('sec-cred')
    const answer = await call(`${API}/version${query}`, { token: null, headers })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="stint"')
    expect(await problem(answer)).toEqual({
      type: 'about:blank',
      title: 'Unauthorized',
      status: 401,
      code: 'unauthorized',
      detail: 'a valid token is needed',
    })
  })

  it('are asked for before anything else on every route, however the path is written', async () => {
    const call = adminOf('sec-paths')
    for (const path of [
      '/nodes',
      '/%6eodes',
      '/x/../nodes',
      '/x/%2e%2e/nodes',
      '//nodes',
      '/nodes%2f',
      '/nowhere',
      '/nodes/%00',
    ]) {
      expect((await call(API + path, { token: null })).status).toBe(401)
    }
    for (const path of ['/nodes%2fx', '//nodes', '/nodes/%00', '/nodes/..%2fx', '/tenants/%ff']) {
      expect([400, 404]).toContain((await call(API + path)).status)
    }
  })

  it('are of no use once revoked or expired, and kept only as hashes', async () => {
    const call = adminOf('sec-revoke')
    const made = await call(`${API}/tokens`, { method: 'POST', json: { note: 'ci', scopes: ['read'] } })
    expect(made.status).toBe(201)
    const { id, token } = (await made.json()) as { id: string; token: string }
    expect((await call(`${API}/nodes`, { token })).status).toBe(200)
    expect((await call(`${API}/nodes/x/cordon`, { method: 'POST', token })).status).toBe(403)
    expect((await call(`${API}/tokens`, { token })).status).toBe(403)
    const secret = token.slice(-43)
    expect(await stateOf(call)).not.toContain(secret)
    const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
    expect((await call(`${API}/nodes`, { token: flipped })).status).toBe(401)
    expect((await call(`${API}/tokens/${id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await call(`${API}/nodes`, { token })).status).toBe(401)
    const past = await call(`${API}/tokens`, { method: 'POST', json: { expiresMs: Date.now() - 1 } })
    expect(past.status).toBe(400)
  })

  it('cannot give more than they have', async () => {
    const call = adminOf('sec-scope')
    const { token } = (await (
      await call(`${API}/tokens`, { method: 'POST', json: { scopes: ['tokens'] } })
    ).json()) as { token: string }
    const more = await call(`${API}/tokens`, { method: 'POST', token, json: { scopes: ['write'] } })
    expect(more.status).toBe(403)
  })

  it('a repeated creation does not show the secret again', async () => {
    const call = adminOf('sec-repeat')
    const init = { method: 'POST', json: { note: 'x' }, headers: { 'idempotency-key': 'a' } }
    expect((await call(`${API}/tokens`, init)).status).toBe(201)
    const again = await call(`${API}/tokens`, init)
    expect(again.status).toBe(409)
    expect(await again.text()).not.toMatch(/_[A-Za-z0-9_-]{43}/)
  })
})

describe('Cloudflare Access', () => {
  const team = 'team.cloudflareaccess.com'
  const settings = { STINT_ACCESS_TEAM_DOMAIN: team, STINT_ACCESS_AUD: 'aud-1' }

  async function setUp() {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    }
    const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
    const jwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JsonWebKey
    const keys = [{ ...jwk, kid: 'k1', alg: 'RS256' }]
    const app = createAdminApp({ accessKeys: async () => keys })
    const bindings = { ...(env as unknown as Env), STINT_ADMIN_TOKEN: undefined, ...settings }
    const ask = async (jwt: string, method = 'GET', headers: Record<string, string> = {}) => {
      const url = `https://stint.example${API}/version`
      const request = new Request(url, { method, headers: { 'cf-access-jwt-assertion': jwt, ...headers } })
      return await app.fetch(request, bindings, createExecutionContext())
    }
    const privateJwk = (await crypto.subtle.exportKey('jwk', pair.privateKey)) as JsonWebKey
    const jwt = (claims: object, kid = 'k1') => {
      const nowS = Math.floor(Date.now() / 1_000)
      const all = {
        iss: `https://${team}`,
        aud: ['aud-1'],
        email: 'op@example.com',
        iat: nowS,
        exp: nowS + 60,
        ...claims,
      }
      return sign(all, { ...privateJwk, kid, alg: 'RS256' }, 'RS256')
    }
    return { ask, jwt }
  }

  it('lets in who carries a good JWT, and nobody else', async () => {
    const { ask, jwt } = await setUp()
    const good = await ask(await jwt({}))
    expect(good.status).toBe(200)
    expect(await good.json()).toMatchObject({ actor: 'access op@example.com' })
    const nowS = Math.floor(Date.now() / 1_000)
    for (const claims of [
      { aud: ['other'] },
      { iss: 'https://evil.cloudflareaccess.com' },
      { exp: nowS - 1 },
      { exp: undefined },
      { nbf: nowS + 600 },
    ]) {
      expect((await ask(await jwt(claims))).status, JSON.stringify(claims)).toBe(401)
    }
    expect((await ask(await jwt({}, 'unknown'))).status).toBe(401)
    const [head, body] = (await jwt({})).split('.')
    expect((await ask(`${head}.${body}.${'A'.repeat(342)}`)).status).toBe(401)
    const none = `${btoa('{"alg":"none","typ":"JWT","kid":"k1"}').replace(/=+$/, '')}.${body}.`
    expect((await ask(none)).status).toBe(401)
    const symmetric = await sign({ aud: 'aud-1', iss: `https://${team}`, exp: nowS + 60 }, 'key', 'HS256')
    expect((await ask(symmetric)).status).toBe(401)
    expect((await ask('x'.repeat(20_000))).status).toBe(401)
  })
})

describe('other sites', () => {
  it.each([
    ['a cross-site POST', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling domain', { 'sec-fetch-site': 'same-site' }],
    ['Origin: null', { origin: 'null' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['the same host over http', { origin: 'http://stint.example' }],
  ])('%s is refused and gets no CORS', async (_, headers) => {
    const call = adminOf('sec-sites')
    for (const method of ['POST', 'GET', 'OPTIONS']) {
      const answer = await call(`${API}/nodes/n/cordon`, { method, headers })
      expect(answer.status).toBe(403)
      expect([...answer.headers.keys()].filter((it) => it.startsWith('access-control'))).toEqual([])
    }
  })

  it('the own page may', async () => {
    const call = adminOf('sec-own')
    const headers = { origin: 'https://stint.example', 'sec-fetch-site': 'same-origin' }
    expect((await call(`${API}/version`, { headers })).status).toBe(200)
  })
})
