/** Base of the tenant that must not notice, tokens/s, and what it asks for, always the same. */
export const VICTIM_BASE = 200
export const OFFERED = 0.8 * VICTIM_BASE
/** Base of the tenant that attacks, tokens/s. */
export const AGGRESSOR_BASE = 10
/** What the machine is trusted with; the guarantees are most of it. It could serve 480 requests/s. */
export const CAPACITY = 250
export const MACHINE = { workers: 24, serviceMs: 50 }
/** What is borrowed at the beginning of a round must not keep all of the machine's workers from the others. */
export const ROUND_MS = 125
