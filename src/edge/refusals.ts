import { problemHeaders, retrySeconds } from './answers.ts'
import { POLICY_NAME, type TenantFields } from './fields.ts'

/** RFC 9457 problem type of draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded'
const SECOND_MS = 1_000

/**
 * The answers 429 of one share: the tenant, not the node, is the cause. Floods ask for them most, so their heads
 * are made once per Retry-After. A body takes workerd as long as all else that we do about a refusal, so beyond so
 * many a second an answer is its head alone, which says the same.
 */
export class Refusals {
  readonly #fields: TenantFields | undefined
  readonly #body: string
  /** By whether there is a body; then by Retry-After, seconds, which {@link retrySeconds} bounds. */
  readonly #heads = { whole: new Map<number, Response>(), bare: new Map<number, Response>() }
  #sinceMs = Number.NEGATIVE_INFINITY
  #bodies = 0

  /** @param fields absent where the tenant switched them off */
  constructor(policy: string, fields: TenantFields | undefined) {
    this.#fields = fields
    this.#body = bodyOf(policy)
  }

  /** One more answer. @param bodiesPerSecond so many have a body */
  answer(retryAfterMs: number, nowMs: number, bodiesPerSecond: number): Response {
    if (nowMs - this.#sinceMs >= SECOND_MS || nowMs < this.#sinceMs) {
      this.#sinceMs = nowMs
      this.#bodies = 0
    }
    const seconds = retrySeconds(retryAfterMs)
    if (this.#bodies >= bodiesPerSecond) return new Response(null, this.#head('bare', seconds))
    this.#bodies++
    return new Response(this.#body, this.#head('whole', seconds))
  }

  #head(kind: 'whole' | 'bare', seconds: number): Response {
    const heads = this.#heads[kind]
    let head = heads.get(seconds)
    if (head === undefined) {
      head = new Response(null, { status: 429, headers: problemHeaders(seconds) })
      const { headers } = head
      if (kind === 'bare') headers.delete('Content-Type')
      if (this.#fields !== undefined) {
        headers.set('RateLimit-Policy', this.#fields.policy)
        headers.set('RateLimit', this.#fields.exhausted(seconds))
      }
      heads.set(seconds, head)
    }
    return head
  }
}

function bodyOf(policy: string): string {
  const whose = policy === POLICY_NAME ? 'this tenant' : 'this part of the tenant'
  return JSON.stringify({
    type: QUOTA_EXCEEDED,
    title: `Too many requests: ${whose} has used its share for now`,
    status: 429,
    'violated-policies': [policy],
  })
}
