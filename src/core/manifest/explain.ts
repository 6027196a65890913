import type { z } from 'zod'
import { quote } from '../name.ts'
import { nearestOf, type PathPart } from './errors.ts'

/** A fault of one field, before it is known in which file it stands. */
export interface Fault {
  readonly path: readonly PathPart[]
  readonly message: string
}

type Issue = z.core.$ZodIssue

/**
 * Runs a schema over a value and says in the project's own words what is wrong. The schema library's texts are
 * written for programmers ("Invalid input: expected number, received string"); these say what must be.
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { value: z.output<Schema> } | { faults: Fault[] } {
  const parsed = schema.safeParse(value, { error: explain })
  return parsed.success ? { value: parsed.data } : { faults: faultsOf(parsed.error.issues, []) }
}

function faultsOf(issues: readonly Issue[], prefix: readonly PathPart[]): Fault[] {
  const faults: Fault[] = []
  for (const issue of issues) {
    const path = [...prefix, ...(issue.path as PathPart[])]
    const branch = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined
    if (branch !== undefined) faults.push(...faultsOf(branch, path))
    else if (issue.code === 'unrecognized_keys') {
      issue.message.split('\n').forEach((message, index) => {
        faults.push({ path: [...path, issue.keys[index]!], message })
      })
    } else faults.push({ path, message: issue.message })
  }
  return faults
}

/** The one alternative of a union whose fields are all known: its own faults say more than "none of these". */
function meantBranch(branches: readonly Issue[][]): Issue[] | undefined {
  const fitting = branches.filter(
    (issues) => !issues.some((issue) => issue.path.length === 0 && issue.code !== 'custom'),
  )
  return fitting.length === 1 ? fitting[0] : undefined
}

const explain: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') {
    const wanted = issue.input === undefined ? 'is missing; it must be' : 'must be'
    return `${wanted} ${KINDS[issue.expected] ?? issue.expected}${received(issue.input)}`
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String)
    const nearest = typeof issue.input === 'string' ? nearestOf(issue.input, values) : undefined
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
    const wanted = values.length === 1 ? values[0] : `one of ${values.join(', ')}`
    return `${issue.input === undefined ? 'is missing; it must be' : 'must be'} ${wanted}${received(issue.input)}${hint}`
  }
  if (issue.code === 'too_small') return bound('at least', issue.minimum, issue.origin, issue.exact)
  if (issue.code === 'too_big') return bound('at most', issue.maximum, issue.origin, issue.exact)
  if (issue.code === 'invalid_key') {
    return `has a malformed key: ${issue.issues[0]?.message ?? 'use letters and digits'}`
  }
  return undefined
}

const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'a string',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of names to strings',
}

function bound(word: string, limit: number | bigint, origin: string, exact: boolean | undefined): string {
  const amount = exact === true ? 'exactly' : word
  if (origin === 'string') return `must have ${amount} ${limit} characters`
  if (origin === 'array') return `must have ${amount} ${limit} items`
  return `must be ${amount} ${limit}`
}

/** What was found instead, short enough for any input. */
function received(input: unknown): string {
  if (input === undefined) return ''
  if (input === null) return ', not null'
  if (Array.isArray(input)) return ', not a list'
  if (typeof input === 'string') return `, not the string ${quote(input)}`
  return typeof input === 'object' ? ', not a map' : `, not ${String(input)}`
}
