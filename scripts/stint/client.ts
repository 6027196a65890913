import { randomUUID } from 'node:crypto'
import { hc } from 'hono/client'
import type { AdminApp } from '../../src/admin/app.ts'
import { CliError, exitKind } from './exit.ts'

/** Where the API is, unless `STINT_URL` says. */
export const DEFAULT_URL = 'http://127.0.0.1:8787'

const ATTEMPTS = 3

/** How the API is reached. */
export interface Connection {
  readonly url: string
  readonly token: string
}

/** Reads `STINT_URL` and `STINT_TOKEN`. @throws CliError when they cannot be used */
export function connection(env: NodeJS.ProcessEnv): Connection {
  const url = env['STINT_URL'] ?? DEFAULT_URL
  const token = env['STINT_TOKEN'] ?? ''
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CliError('usage', `STINT_URL must be an http or https URL, such as ${DEFAULT_URL}`)
  }
  if (token === '') {
    throw new CliError(
      'unauthorised',
      'STINT_TOKEN is not set; `npm start` prints one, or ask for `stint token create`',
    )
  }
  if (!/^[!-~]+$/.test(token)) throw new CliError('usage', 'STINT_TOKEN must be printable characters')
  return { url: url.replace(/\/+$/, ''), token }
}

/** The typed client of the API: paths, queries and answers come from the contract itself. */
export function apiClient(to: Connection) {
  const client = hc<AdminApp>(to.url, {
    fetch: (input: RequestInfo | URL, init?: RequestInit) => send(to, input, init ?? {}),
  })
  return client['_stint'].api.v1
}

/** The routes of the API. */
export type Api = ReturnType<typeof apiClient>

/**
 * Sends a request with the token; a write carries an idempotency key, so that one whose answer was lost can be
 * sent again safely. Whatever is not a success becomes a {@link CliError}.
 */
export async function send(to: Connection, input: RequestInfo | URL, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${to.token}`)
  if ((init.method ?? 'GET') !== 'GET') headers.set('idempotency-key', randomUUID())
  let lost: unknown
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 200 * attempt))
    let answer: Response
    try {
      answer = await fetch(input, { ...init, headers, redirect: 'error' })
    } catch (error) {
      lost = error
      continue
    }
    if (!answer.ok) throw await refusal(answer)
    return answer
  }
  const cause = lost instanceof Error && lost.cause instanceof Error ? lost.cause.message : String(lost)
  throw new CliError(
    'unreachable',
    `${to.url} does not answer (${cause}); is it running, is STINT_URL right?`,
  )
}

async function refusal(answer: Response): Promise<CliError> {
  const kind = exitKind(answer.status)
  if (!(answer.headers.get('content-type') ?? '').includes('json')) {
    return new CliError(kind, `the answer was ${answer.status}; is STINT_URL the address of Stint?`)
  }
  const problem = (await answer.json()) as { detail?: string; errors?: { field: string; message: string }[] }
  const more = (problem.errors ?? []).slice(1, 10).map(({ field, message }) => `\n  ${field}: ${message}`)
  return new CliError(kind, `${problem.detail ?? answer.statusText}${more.join('')}`)
}

/** All pages of a list, or the first `most` items of it. */
export async function allPages<T>(
  read: (
    after: string | undefined,
    limit: number,
  ) => Promise<{ items: readonly T[]; next?: string | undefined }>,
  most = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  while (items.length < most) {
    const page = await read(after, Math.min(500, most - items.length))
    items.push(...page.items)
    if (page.next === undefined) break
    after = page.next
  }
  return items
}
