import { checkOrigin, type OriginRule } from './origin.ts'
import { err, ok, type Result } from './result.ts'

/** What the operator's hook is told: put a machine to standby, or wake it. */
export interface HookCommand {
  /** Grows with every command; of two for one node the higher one counts, and one may come more than once. */
  readonly id: number
  readonly action: 'standby' | 'wake'
  readonly node: string
  readonly zone: string | null
}

/** Shortest secret a hook is signed with. */
export const MIN_HOOK_SECRET_LENGTH = 32

/** The header with the time of sending, ms since 1970, and the one with `v1=` and the signature in hexadecimal. */
export const HOOK_HEADERS = { timestamp: 'Stint-Timestamp', signature: 'Stint-Signature' } as const

/** What is signed (HMAC-SHA256): an old call cannot be sent again with a new time. */
export function signedText(timestampMs: number, body: string): string {
  return `${timestampMs}.${body}`
}

/** Only these are reached without TLS: they never leave the machine. */
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * Whether a hook may be called: https, or http on the machine itself, and listed by the operator.
 *
 * @param rules the operator's list, as for origins; loopback only literally
 * @returns the URL, or a text that says why not
 */
export function checkHook(text: string, rules: readonly OriginRule[]): Result<URL, string> {
  if (!URL.canParse(text)) return err('must be a URL')
  const url = new URL(text)
  const local = url.protocol === 'http:' && LOOPBACK.has(url.hostname)
  if (!local && url.protocol !== 'https:') return err('must be https')
  const asked = new URL(text)
  if (local) asked.href = `https://${url.hostname}:${url.port === '' ? '80' : url.port}${url.pathname}`
  if (url.username !== '' || url.password !== '') return err('must not name a user')
  if (!checkOrigin(asked.href, rules).ok) {
    return err(`${url.host} is not among the hooks the operator allows (STINT_HOOKS)`)
  }
  return ok(url)
}

/** When an unanswered call is made again, ms: doubled each time. */
export const HOOK_RETRY = { firstMs: 1_000, maxMs: 60_000 } as const

/** How long to wait after `attempts` calls without an answer, ms. */
export function hookWaitMs(attempts: number): number {
  return Math.min(HOOK_RETRY.maxMs, HOOK_RETRY.firstMs * 2 ** Math.min(20, Math.max(0, attempts - 1)))
}
