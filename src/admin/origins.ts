import type { Context } from 'hono'
import type { ManifestSet } from '../core/manifest/check.ts'
import { forbiddenOrigins, parseOriginRules } from '../core/origin.ts'
import type { AdminHono } from './env.ts'
import { Problem } from './problem.ts'

/** Refuses nodes whose origin the operator of the edge does not allow; the edge would not reach it either. */
export function requireAllowedOrigins(c: Context<AdminHono>, { nodes }: ManifestSet): void {
  const rules = parseOriginRules(c.env.STINT_ORIGINS ?? '')
  const faults = forbiddenOrigins(nodes, rules.ok ? rules.value : [])
  if (faults.length === 0) return
  throw new Problem(
    400,
    'origin-not-allowed',
    faults[0]!,
    faults.map((message) => ({ field: 'spec.origin.url', message })),
  )
}
