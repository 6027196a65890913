import type { Context } from 'hono'
import type { ManifestSet } from '../core/manifest/check.ts'
import { checkOrigin, type OriginRule, parseOriginRules } from '../core/origin.ts'
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

/** What of a set of nodes names origins the operator does not allow; each text names the node. */
export function forbiddenOrigins(
  nodes: readonly {
    readonly metadata: { readonly name: string }
    readonly spec: { readonly origin: object }
  }[],
  rules: readonly OriginRule[],
): string[] {
  const faults: string[] = []
  for (const { metadata, spec } of nodes) {
    if (!('url' in spec.origin) || typeof spec.origin.url !== 'string') continue
    const checked = checkOrigin(spec.origin.url, rules)
    if (!checked.ok) faults.push(`Node ${metadata.name}: spec.origin.url ${checked.error}`)
  }
  return faults
}
