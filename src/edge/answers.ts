/** RFC 9457 problem types of draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

const OVER_QUOTA = JSON.stringify({
  type: QUOTA_EXCEEDED,
  title: 'Too many requests: this tenant has used its share for now',
  status: 429,
  'violated-policies': ['base'],
})

/** 429: the tenant, not the node, is the cause. */
export function overQuota(retryAfterMs: number): Response {
  return problem(429, OVER_QUOTA, retryAfterMs)
}

/** 503: the node cannot be reached or cannot serve now; the tenant is not the cause. */
export function unavailable(code: string, detail: string, retryAfterMs: number): Response {
  const body = { type: REDUCED_CAPACITY, title: 'Temporarily unavailable', status: 503, code, detail }
  return problem(503, JSON.stringify(body), retryAfterMs)
}

/** An error that is no matter of quota: a code and a sentence, never a stack. */
export function failure(status: number, code: string, detail: string): Response {
  return problem(status, JSON.stringify({ type: 'about:blank', title: code, status, code, detail }))
}

function problem(status: number, body: string, retryAfterMs?: number): Response {
  const headers: Record<string, string> = {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  }
  if (retryAfterMs !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
  return new Response(body, { status, headers })
}
