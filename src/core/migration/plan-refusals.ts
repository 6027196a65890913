import type { PlanRefusalCode, Refusal, RefusalSubject, RefusalTexts } from './refusals.ts'
import { stepTexts } from './step-refusals.ts'

const texts: RefusalTexts<PlanRefusalCode> = {
  'unknown-tenant': stepTexts['unknown-tenant'],
  full: stepTexts.full,
  'unknown-node': ({ node }) => `There is no node ${node}; check its name, or apply a manifest that has it.`,
  'same-node': ({ tenant, node }) => `Tenant ${tenant} is on node ${node} already; name another node.`,
  'migration-open': ({ tenant }) =>
    `A migration of tenant ${tenant} is open; wait until it is done, or abort it.`,
  'no-migration': ({ tenant }) => `No migration of tenant ${tenant} is open; there is nothing to do.`,
  'too-late': ({ tenant }) =>
    `The account of tenant ${tenant} has left its node; the move can only be completed.`,
  cordoned: ({ node }) => `Node ${node} is cordoned; uncordon it, or name another node.`,
  'failed-node': ({ node }) => `Node ${node} has failed; name another node, or wait until it is ready.`,
  'busy-node': ({ node }) =>
    `Node ${node} takes part in as many migrations as it may; try again when one is done.`,
  'still-serving': ({ tenant, node }) =>
    `Node ${node} may still serve tenant ${tenant}; wait until its lease to serve has lapsed, or migrate without force.`,
  'not-placed': ({ tenant }) => `Tenant ${tenant} has no serving node; place it, or force a takeover.`,
  leftover: ({ tenant, node }) =>
    `Node ${node} still holds an old account of tenant ${tenant}; wait until it was collected, or name another node.`,
}

/**
 * The refusal of a plan.
 * @param subject the tenant and the node the text names
 */
export function refuse<Code extends PlanRefusalCode>(
  code: Code,
  subject: RefusalSubject,
): Refusal & { code: Code } {
  return { code, text: texts[code](subject) }
}
