import { z } from 'zod'
import { API_VERSION, MAX_RATE, metadata, milliseconds, name, rate, strict } from './fields.ts'

const watts = z.number().min(0).max(1e7)

const originUrl = z
  .string()
  .max(2_048)
  .check((context) => {
    // The address rules (loopback, private ranges, redirects) belong to the operator's allow-list at the edge.
    const plain = /^https:\/\/[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[^\s?#\\]*)?$/i
    if (!plain.test(context.value) || !/^[!-~]*$/.test(context.value)) {
      context.issues.push({
        code: 'custom',
        message: 'must be https://HOST[:PORT][/PATH], without user, query or fragment',
        input: context.value,
      })
    }
  })

const origin = z.union(
  [strict({ echo: strict({}) }), strict({ url: originUrl }), strict({ service: name })],
  {
    error: 'must be one of { echo: {} }, { url: https://… } or { service: NAME }',
  },
)

const power = z.union(
  [
    strict({ watts: z.array(watts).length(11) }),
    strict({ idleWatts: watts, peakWatts: watts }).refine((curve) => curve.peakWatts >= curve.idleWatts, {
      path: ['peakWatts'],
      error: 'must be at least idleWatts',
    }),
  ],
  { error: 'must be { watts: [11 numbers] } or { idleWatts: …, peakWatts: … }' },
)

const health = strict({
  path: z
    .string()
    .max(512)
    .regex(/^\/[!-~]*$/, { error: 'must be a path that starts with "/"' })
    .default('/'),
  intervalMs: milliseconds(1_000, 3_600_000).default(10_000),
  timeoutMs: milliseconds(100, 60_000).default(2_000),
  failureThreshold: z.int().min(1).max(100).default(3),
  successThreshold: z.int().min(1).max(100).default(2),
}).refine((probe) => probe.timeoutMs <= probe.intervalMs, {
  path: ['timeoutMs'],
  error: 'must be at most intervalMs',
})

const spec = strict({
  capacity: rate('tokens/s the machine can take').refine((it) => it > 0, { error: 'must be above 0' }),
  roundMs: milliseconds(100, 60_000).default(1_000),
  zone: name.optional(),
  origin: origin.default({ echo: {} }),
  health: health.optional(),
  power: power.optional(),
  standbyWatts: watts.optional(),
  deepOffWatts: watts.optional(),
  wakeMs: milliseconds(0, 3_600_000).optional(),
  hourlyFee: z.number().min(0).max(1e6).default(0),
  hazard: z.number().min(0).max(1).default(0).describe('probability of a failure within an hour'),
  cordoned: z.boolean().default(false),
}).refine((node) => (node.capacity * node.roundMs) / 1_000 <= MAX_RATE, {
  path: ['capacity'],
  error: `must be at most ${MAX_RATE} tokens in one round (capacity × roundMs / 1000)`,
})

/** Schema of a `kind: Node` document. */
export const nodeSchema = strict({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Node'),
  metadata,
  spec,
})

/** A node as parsed: a machine, its capacity in tokens/s, its origin, its power. Defaults are filled in. */
export type NodeManifest = z.output<typeof nodeSchema>
