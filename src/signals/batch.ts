import { z } from 'zod'
import { isName } from '../core/name.ts'
import { MEASURES, SIGNAL_LIMITS } from '../core/signals.ts'

const name = z.string().refine(isName)
const validity = { validFromMs: z.int().min(0), validUntilMs: z.int().min(0) }

/** What is accepted, whoever calls: the object trusts nobody. */
export const batch = z
  .array(
    z
      .discriminatedUnion('kind', [
        z.strictObject({
          kind: z.literal('zone'),
          zone: name,
          measure: z.enum(MEASURES),
          value: z.number().min(-1e6).max(1e6),
          ...validity,
        }),
        z.strictObject({
          kind: z.literal('node'),
          node: name,
          severity: z.enum(['info', 'avoid']),
          note: z.string().regex(/^[ -~]{0,200}$/),
          ...validity,
        }),
      ])
      .refine((it) => it.validUntilMs > it.validFromMs, { error: 'validUntilMs must be after validFromMs' })
      .refine((it) => it.validUntilMs - it.validFromMs <= SIGNAL_LIMITS.maxValidMs, {
        error: `must be valid for at most ${SIGNAL_LIMITS.maxValidMs} ms`,
      }),
  )
  .min(1)
  .max(SIGNAL_LIMITS.batch)
