/** Exit codes of the CLI; `docs/reference-cli.md` is made from this list. */
export const EXIT = {
  ok: { code: 0, means: 'done; for `diff`: no difference' },
  failure: { code: 1, means: 'anything else went wrong; for `diff`: there are differences' },
  usage: { code: 2, means: 'wrong arguments, or input that was refused' },
  notFound: { code: 3, means: 'there is no such object' },
  conflict: { code: 4, means: 'taken, in use, or changed by somebody else meanwhile' },
  unauthorised: { code: 5, means: 'no valid token, or one that does not allow this' },
  unreachable: { code: 6, means: 'the API does not answer, or is not ready to' },
  timeout: { code: 7, means: 'accepted, but not in effect within --timeout' },
} as const

/** A failure the user is told in one line, with its exit code. */
export class CliError extends Error {
  readonly exitCode: number
  constructor(kind: keyof typeof EXIT, message: string) {
    super(message)
    this.exitCode = EXIT[kind].code
  }
}

/** The kind of failure a status of the API stands for. */
export function exitKind(status: number): keyof typeof EXIT {
  if (status === 401 || status === 403) return 'unauthorised'
  if (status === 404) return 'notFound'
  if (status === 409 || status === 412 || status === 428) return 'conflict'
  if (status === 503) return 'unreachable'
  return status >= 400 && status < 500 ? 'usage' : 'failure'
}
