import type { WriteFault } from '../core/coordinator-api.ts'

/** One fault of the input. */
export interface FieldFault {
  readonly field: string
  readonly message: string
}

type Status = 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 415 | 422 | 428 | 429 | 500 | 503

/** A refusal, thrown by handlers and answered as `application/problem+json` (RFC 9457). */
export class Problem extends Error {
  readonly status: Status
  readonly code: string
  readonly faults: readonly FieldFault[]

  constructor(status: Status, code: string, detail: string, faults: readonly FieldFault[] = []) {
    super(detail)
    this.status = status
    this.code = code
    this.faults = faults
  }
}

const TITLES: Readonly<Record<Status, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** The answer to a problem. Holds a code, never a stack. */
export function problemResponse(problem: Problem): Response {
  const { status, code, message, faults } = problem
  const body = {
    type: 'about:blank',
    title: TITLES[status],
    status,
    code,
    detail: plain(message),
    ...(faults.length === 0
      ? {}
      : {
          errors: faults
            .slice(0, 50)
            .map((fault) => ({ field: plain(fault.field), message: plain(fault.message) })),
        }),
  }
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
  if (status === 401) headers.set('www-authenticate', 'Bearer realm="stint"')
  return new Response(JSON.stringify(body), { status, headers })
}

/** Text that may quote the input: printable and short. */
function plain(text: string): string {
  return text.slice(0, 400).replace(/[^ -~…×≤Σ→]/g, '?')
}

const STATUS_OF: Readonly<Record<WriteFault['code'], Status>> = {
  conflict: 409,
  'in-use': 409,
  stale: 412,
  'too-large': 400,
  invalid: 422,
  'not-found': 404,
}

/** What the outside sees of a refused write: the status of the first fault, all of them named. */
export function problemOf(faults: readonly WriteFault[]): Problem {
  const [first] = faults
  if (first === undefined) return new Problem(500, 'internal', 'refused without a reason')
  const named = faults.map(({ kind, name, message }) => ({
    field: kind === undefined ? '' : `${kind} ${name ?? ''}`,
    message,
  }))
  return new Problem(STATUS_OF[first.code], first.code, describe(first), named)
}

function describe({ kind, name, message }: WriteFault): string {
  return kind === undefined ? message : `${kind} ${name}: ${message}`
}
