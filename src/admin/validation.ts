import { type FieldFault, Problem } from './problem.ts'

interface Outcome {
  readonly target: string
  readonly success: boolean
  readonly error?: { readonly issues: readonly { path: PropertyKey[]; message: string }[] }
}

/** Turns what the contract's validators found into the one form of refusals. */
export function defaultHook(outcome: Outcome): undefined {
  if (outcome.success) return undefined
  const faults: FieldFault[] = (outcome.error?.issues ?? []).slice(0, 50).map((issue) => ({
    field: issue.path.map(String).join('.').slice(0, 200),
    message: issue.message,
  }))
  const first = faults[0]
  const where = first === undefined || first.field === '' ? outcome.target : first.field
  throw new Problem(400, 'bad-input', `${where}: ${first?.message ?? 'is wrong'}`, faults)
}
