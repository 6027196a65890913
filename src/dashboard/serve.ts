import type { FeedObject } from './feed-object.ts'

/** What serving the dashboard needs of the platform. */
export interface DashboardEnv {
  readonly FEED: { getByName(name: string): Pick<FeedObject, 'fetch'> | Pick<Fetcher, 'fetch'> }
}

/** Nothing but the page's own script, style and stream; nothing inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Serves the page's files and opens its live stream. */
export async function dashboardFetch(request: Request, env: DashboardEnv): Promise<Response> {
  const url = new URL(request.url)
  if (url.pathname === '/_stint/feed') return openFeed(request, url, env)
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(405, 'only GET', { allow: 'GET, HEAD' })
  if (url.pathname === '/_stint') return plain(308, '', { location: '/_stint/' })
  const name = url.pathname.slice('/_stint/'.length) || 'index.html'
  const { files } = await import('stint:page')
  const file = Object.hasOwn(files, name) ? files[name] : undefined
  if (file === undefined) return plain(404, 'there is no such page')
  const headers = {
    ...SAFE,
    'content-type': file.type,
    'cache-control': 'no-cache',
    etag: await tagOf(file.text),
  }
  if (request.headers.get('if-none-match') === headers.etag)
    return new Response(null, { status: 304, headers })
  return new Response(request.method === 'HEAD' ? null : file.text, { headers })
}

const SAFE = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

/** A socket of another site's page is refused: browsers say where it comes from, and send cookies along. */
async function openFeed(request: Request, url: URL, env: DashboardEnv): Promise<Response> {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') {
    return plain(426, 'a WebSocket is served here', { upgrade: 'websocket' })
  }
  const origin = request.headers.get('origin')
  if (origin !== null && origin !== url.origin) return plain(403, 'requests of other sites are refused')
  const offered = request.headers.get('sec-websocket-protocol') ?? ''
  if (offered.length > 256) return plain(401, 'a valid ticket is needed')
  // A request of our own: nothing else the client said reaches the object.
  const headers = { upgrade: 'websocket', 'sec-websocket-protocol': offered }
  return env.FEED.getByName('main').fetch(new Request('https://feed/', { headers }))
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  const body = text === '' ? null : `${text}\n`
  return new Response(body, { status, headers: { ...SAFE, 'cache-control': 'no-store', ...headers } })
}

const tags = new Map<string, string>()

async function tagOf(text: string): Promise<string> {
  let tag = tags.get(text)
  if (tag === undefined) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
    tag = `"${Array.from(digest.slice(0, 12), (byte) => byte.toString(16).padStart(2, '0')).join('')}"`
    tags.set(text, tag)
  }
  return tag
}
