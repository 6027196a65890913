import {
  checkHook,
  HOOK_HEADERS,
  type HookCommand,
  MIN_HOOK_SECRET_LENGTH,
  signedText,
} from '../core/hook.ts'
import type { OriginRule } from '../core/origin.ts'
import type { PlacementSettings } from '../core/placement.ts'
import { err, ok, type Result } from '../core/result.ts'

/** What the operator allows, and the secret hooks are signed with. */
export interface HookTerms {
  readonly rules: readonly OriginRule[]
  readonly secret: string | undefined
}

/** `now`: the machine is on (or off) already; `soon`: the command was taken, and takes as long as it takes. */
export type HookAnswer = 'now' | 'soon'

/** Why a hook cannot be used; undefined if it can. */
export function hookFault(hook: PlacementSettings['hook'], terms: HookTerms): string | undefined {
  if (hook === null) return undefined
  if ((terms.secret ?? '').length < MIN_HOOK_SECRET_LENGTH) {
    return `STINT_HOOK_SECRET must be set to at least ${MIN_HOOK_SECRET_LENGTH} characters`
  }
  const checked = checkHook(hook.url, terms.rules)
  return checked.ok ? undefined : `hook.url: ${checked.error}`
}

/**
 * Calls the operator's hook once: a POST, signed over its time and body. Redirects are not followed: they
 * could lead anywhere.
 *
 * @returns how it was answered (202: `soon`, any other 2xx: `now`), or why it was not
 */
export async function callHook(
  hook: PlacementSettings['hook'],
  terms: HookTerms,
  command: HookCommand,
  nowMs: number,
): Promise<Result<HookAnswer, string>> {
  if (hook === null) return err('no hook is set')
  const fault = hookFault(hook, terms)
  if (fault !== undefined) return err(fault)
  const body = JSON.stringify(command)
  try {
    const response = await fetch(hook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [HOOK_HEADERS.timestamp]: String(nowMs),
        [HOOK_HEADERS.signature]: `v1=${await sign(terms.secret!, signedText(nowMs, body))}`,
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(hook.timeoutMs),
    })
    await response.body?.cancel()
    if (!response.ok) return err(`answered ${response.status}`)
    return ok(response.status === 202 ? 'soon' : 'now')
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error))
  }
}

async function sign(secret: string, text: string): Promise<string> {
  const encoder = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign'])
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)))
  return Array.from(signature, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
