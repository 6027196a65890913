/** Why a move is refused: a code for programs and a text that says what to do. Nothing was changed. */

/** Refused when a move is asked for (`planMove`, `planTakeover`, `requestAbort`). */
export type PlanRefusalCode =
  | 'unknown-tenant'
  | 'unknown-node'
  | 'same-node'
  | 'migration-open'
  | 'no-migration'
  | 'too-late'
  | 'cordoned'
  | 'failed-node'
  | 'full'
  | 'busy-node'
  | 'still-serving'
  | 'not-placed'
  | 'leftover'

/** Refused by a node in answer to a step. */
export type StepRefusalCode =
  | 'full'
  | 'stale-epoch'
  | 'aborted'
  | 'occupied'
  | 'not-staged'
  | 'unknown-tenant'
  | 'not-yet'

/** A refusal; `text` is one sentence for a person, without secrets. */
export interface Refusal {
  readonly code: PlanRefusalCode | StepRefusalCode
  readonly text: string
}

/** What the texts name. */
export interface RefusalSubject {
  readonly tenant: string
  readonly node: string
}

const texts: Record<Refusal['code'], (subject: RefusalSubject) => string> = {
  'unknown-tenant': ({ tenant }) =>
    `There is no tenant ${tenant} here; check its name, or apply a manifest that has it.`,
  'unknown-node': ({ node }) => `There is no node ${node}; check its name, or apply a manifest that has it.`,
  'same-node': ({ tenant, node }) => `Tenant ${tenant} is on node ${node} already; name another node.`,
  'migration-open': ({ tenant }) =>
    `A migration of tenant ${tenant} is open; wait until it is done, or abort it.`,
  'no-migration': ({ tenant }) => `No migration of tenant ${tenant} is open; there is nothing to do.`,
  'too-late': ({ tenant }) =>
    `The account of tenant ${tenant} has left its node; the move can only be completed.`,
  cordoned: ({ node }) => `Node ${node} is cordoned; uncordon it, or name another node.`,
  'failed-node': ({ node }) => `Node ${node} has failed; name another node, or wait until it is ready.`,
  full: ({ tenant, node }) =>
    `Node ${node} has no room for the guaranteed rate of tenant ${tenant}; name another node.`,
  'busy-node': ({ node }) =>
    `Node ${node} takes part in as many migrations as it may; try again when one is done.`,
  'still-serving': ({ tenant, node }) =>
    `Node ${node} may still serve tenant ${tenant}; wait until its lease to serve has lapsed, or migrate without force.`,
  'not-placed': ({ tenant }) => `Tenant ${tenant} has no serving node; place it, or force a takeover.`,
  leftover: ({ tenant, node }) =>
    `Node ${node} still holds an old account of tenant ${tenant}; wait until it was collected, or name another node.`,
  'stale-epoch': ({ tenant, node }) =>
    `Node ${node} has seen a newer epoch of tenant ${tenant}; drop this message.`,
  aborted: ({ tenant, node }) =>
    `Node ${node} has aborted this migration of tenant ${tenant}; plan a new one.`,
  occupied: ({ tenant, node }) =>
    `Node ${node} still holds an account of tenant ${tenant}; release or retire it first.`,
  'not-staged': ({ tenant, node }) => `Node ${node} was not prepared for tenant ${tenant}; prepare it first.`,
  'not-yet': ({ tenant, node }) => `Node ${node} still serves tenant ${tenant}; ask there.`,
}

/**
 * The refusal for a code.
 * @param subject the tenant and the node the text names
 */
export function refuse<Code extends Refusal['code']>(
  code: Code,
  subject: RefusalSubject,
): Refusal & { code: Code } {
  return { code, text: texts[code](subject) }
}
