import { POLICY_NAME } from './fields.ts'
import type { KnownRoute } from './known-route.ts'

/** RFC 9457 problem types of draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

const OVER_QUOTA = JSON.stringify({
  type: QUOTA_EXCEEDED,
  title: 'Too many requests: this tenant has used its share for now',
  status: 429,
  'violated-policies': [POLICY_NAME],
})

/** Longest wait announced, seconds; also bounds the answers kept per tenant. */
const MAX_RETRY_SECONDS = 3_600

/**
 * 429: the tenant, not the node, is the cause. Its head is made once per tenant and wait, since floods ask for
 * it most: copying the head of a Response costs half of reading headers from an object.
 */
export function overQuota(known: KnownRoute, retryAfterMs: number): Response {
  const seconds = retrySeconds(retryAfterMs)
  let head = known.refusals.get(seconds)
  if (head === undefined) {
    const headers = problemHeaders(seconds)
    if (known.fields !== undefined) {
      headers['RateLimit-Policy'] = known.fields.policy
      headers['RateLimit'] = known.fields.exhausted(seconds)
    }
    head = new Response(null, { status: 429, headers })
    known.refusals.set(seconds, head)
  }
  return new Response(OVER_QUOTA, head)
}

/** 503: the node cannot be reached or cannot serve now; the tenant is not the cause. */
export function unavailable(code: string, detail: string, retryAfterMs: number): Response {
  const body = { type: REDUCED_CAPACITY, title: 'Temporarily unavailable', status: 503, code, detail }
  const headers = problemHeaders(retrySeconds(retryAfterMs))
  return new Response(JSON.stringify(body), { status: 503, headers })
}

/** An error that is no matter of quota: a code and a sentence, never a stack. */
export function failure(status: number, code: string, detail: string): Response {
  const body = JSON.stringify({ type: 'about:blank', title: code, status, code, detail })
  return new Response(body, { status, headers: problemHeaders() })
}

function retrySeconds(retryAfterMs: number): number {
  return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(retryAfterMs / 1000)))
}

function problemHeaders(retryAfterSeconds?: number): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  }
}
