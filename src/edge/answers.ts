/** RFC 9457 problem type of draft-ietf-httpapi-ratelimit-headers. */
const REDUCED_CAPACITY = 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity'

/** Longest wait announced, seconds; also bounds the heads kept per share. */
const MAX_RETRY_SECONDS = 3_600

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

/** The value of Retry-After: whole seconds, at least one. */
export function retrySeconds(retryAfterMs: number): number {
  return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(retryAfterMs / 1000)))
}

/** The head of an answer that tells of a problem in its body. */
export function problemHeaders(retryAfterSeconds?: number): Record<string, string> {
  return {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  }
}
