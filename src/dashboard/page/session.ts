const KEY = 'stint-token'
const API = '/_stint/api/v1'

/** What the API said instead of an answer. */
export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What the door to the live stream says of who asks. */
export interface Welcome {
  readonly ticket: string
  readonly actor: string
  readonly tenant: string | null
  readonly canWrite: boolean
  readonly demo: boolean
}

/** The token lives as long as the tab. */
export function storedToken(): string | null {
  return sessionStorage.getItem(KEY)
}

/** Keeps the token, or forgets it. */
export function storeToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}

/** Asks the admin API. @throws ApiError with what it said */
export async function ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { authorization: `Bearer ${storedToken() ?? ''}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const answer = await fetch(API + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  })
  if (answer.ok) return (await answer.json()) as T
  const told = (await answer.json().catch(() => ({}))) as { detail?: string }
  throw new ApiError(answer.status, told.detail ?? `the API answered ${answer.status}`)
}

/** Paths of the API's contract, below its base, so that the page shows only what is there. */
export async function knownPaths(): Promise<ReadonlySet<string>> {
  const answer = await fetch('/_stint/openapi.json')
  if (!answer.ok) return new Set()
  const { paths = {} } = (await answer.json()) as { paths?: Record<string, unknown> }
  return new Set(Object.keys(paths).map((path) => path.replace(API, '')))
}
