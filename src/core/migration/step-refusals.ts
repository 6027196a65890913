import type { Refusal, RefusalSubject, RefusalTexts, StepRefusalCode } from './refusals.ts'

/** What a node says; it has no use for the texts of plans. */
export const stepTexts: RefusalTexts<StepRefusalCode> = {
  'unknown-tenant': ({ tenant }) =>
    `There is no tenant ${tenant} here; check its name, or apply a manifest that has it.`,
  full: ({ tenant, node }) =>
    `Node ${node} has no room for the guaranteed rate of tenant ${tenant}; name another node.`,
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
 * A node's refusal of a step.
 * @param subject the tenant and the node the text names
 */
export function refuseStep(code: StepRefusalCode, subject: RefusalSubject): Refusal {
  return { code, text: stepTexts[code](subject) }
}
