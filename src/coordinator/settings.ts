import type { Env } from '../config.ts'
import { parseOriginRules } from '../core/origin.ts'

/** Reads what hooks may be called and what they are signed with. A list that cannot be read allows none. */
export function hookTerms(env: Pick<Env, 'STINT_HOOKS' | 'STINT_HOOK_SECRET'>) {
  const rules = parseOriginRules(env.STINT_HOOKS ?? '')
  if (!rules.ok) console.error(`STINT_HOOKS: ${rules.error}; no hook is allowed`)
  return Object.freeze({ rules: rules.ok ? rules.value : [], secret: env.STINT_HOOK_SECRET })
}

/** How often a node reports at most, ms; undefined, for the default, where there is no number in the range. */
export function reportEveryMs({ STINT_REPORT_MS: text = '' }: Pick<Env, 'STINT_REPORT_MS'>) {
  const ms = Number(text)
  return Number.isInteger(ms) && ms >= 100 && ms <= 60_000 ? ms : undefined
}
