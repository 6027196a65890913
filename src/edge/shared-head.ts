/** Tells that a request was admitted on tokens borrowed from idle tenants. */
export const BORROWED_HEADER = 'Stint-Borrowed'

/** Sets a field of an answer, or takes it away. */
export function writeField(headers: Headers, name: string, value: string | undefined): void {
  if (value === undefined) headers.delete(name)
  else headers.set(name, value)
}

/**
 * The head that a tenant's answers made here have in common. Copying the head of a Response costs half of
 * reading headers from an object, and each header written about as much as finding the tenant: so it is made
 * once, and only what has changed since the last answer is written.
 */
export class SharedHead {
  readonly response: Response
  readonly #headers: Headers
  #borrowed = false
  #policy: string | undefined
  #limit: string | undefined

  constructor(contentType: string) {
    this.response = new Response(null, { headers: { 'Content-Type': contentType } })
    this.#headers = this.response.headers
  }

  /** Says of the next answer whether its tokens were borrowed. */
  mark(borrowed: boolean): void {
    if (borrowed === this.#borrowed) return
    this.#borrowed = borrowed
    writeField(this.#headers, BORROWED_HEADER, borrowed ? '1' : undefined)
  }

  /** Says of the next answer what is left of which quota, or nothing of the kind. */
  tell(policy: string | undefined, limit: string | undefined): void {
    if (policy !== this.#policy) writeField(this.#headers, 'RateLimit-Policy', policy)
    if (limit !== this.#limit) writeField(this.#headers, 'RateLimit', limit)
    this.#policy = policy
    this.#limit = limit
  }
}
