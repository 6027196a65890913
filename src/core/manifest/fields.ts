import { z } from 'zod'
import { MAX_TOKENS, parseTokens } from '../amount.ts'
import { normalizeHost, parseName } from '../name.ts'
import type { Result } from '../result.ts'
import { unknownField } from './errors.ts'
import { normalizePathPrefix } from './route.ts'

/** The version every document names. */
export const API_VERSION = 'stint/v1'

/**
 * An object whose unknown fields are errors that name the nearest known one: a misspelt `cieling` that is
 * ignored would leave a tenant without a ceiling. One line of the message per field.
 */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys
            .slice(0, 10)
            .map((key) => unknownField(key, known))
            .join('\n')
        : undefined,
  })
}

/** A text that a function of the core checks and brings to its one form. */
function text(parse: (value: unknown) => Result<string, string>, description: string) {
  return z
    .string()
    .check((context) => {
      const parsed = parse(context.value)
      if (parsed.ok) context.value = parsed.value
      else context.issues.push({ code: 'custom', message: parsed.error, input: context.value })
    })
    .describe(description)
}

/** An amount in tokens, ≥ 0, with at most six decimals. */
export function tokens(description: string) {
  return z
    .number()
    .check((context) => {
      const parsed = parseTokens(context.value)
      if (!parsed.ok) context.issues.push({ code: 'custom', message: parsed.error, input: context.value })
    })
    .describe(description)
}

/** Highest rate, and most tokens of one round: leaves room for debts and sums below the ledger's 2^53 micro-tokens. */
export const MAX_RATE = Math.floor(MAX_TOKENS / 4)

/** A rate in tokens/s, from 0 to {@link MAX_RATE}, with at most six decimals. */
export function rate(description: string) {
  return tokens(description).refine((perSecond) => perSecond <= MAX_RATE, {
    error: `must be at most ${MAX_RATE}`,
  })
}

/** A whole number of milliseconds. */
export function milliseconds(least: number, most: number) {
  return z.int().min(least).max(most)
}

/** The name of a node, tenant, device, zone or group. */
export const name = text(parseName, 'a-z, 0-9, ".", "_", "-"; at most 63 characters')

/** A host name, normalised. */
export const host = text(normalizeHost, 'a host name without port')

/** A path prefix, normalised. */
export const pathPrefix = text(normalizePathPrefix, 'an absolute path prefix, such as /api')

/** Hosts, path prefixes and methods per list; a tenant with more is better served by several tenants. */
export const MAX_LIST = 1_000

/** An HTTP method; upper case, since methods are case-sensitive (RFC 9110, 9.1). */
export const method = z
  .string()
  .regex(/^[A-Z][A-Z-]{0,31}$/, { error: 'must be a method in upper case, such as GET' })

/** A header field name (RFC 9110 token). */
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, { error: 'must be a header name, such as Stint-Cost' })

/** An IPv4 or IPv6 address, or a prefix of addresses. */
export const addressRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'must be an IPv4 or IPv6 address or prefix, such as 192.0.2.7 or 2001:db8::/32',
})

const labelKey = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, {
  error: 'must be a key of letters, digits, ".", "_", "/" and "-"',
})

/** What names a resource. Labels select, annotations only inform. */
export const metadata = strict({
  name,
  labels: z.record(labelKey, z.string().max(256)).default({}),
  annotations: z.record(labelKey, z.string().max(4_096)).default({}),
})
