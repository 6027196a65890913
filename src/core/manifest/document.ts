import { quote } from '../name.ts'
import { errorAt, MAX_ERRORS, type ManifestError, nearestOf, type PathPart, type Place } from './errors.ts'
import { type Fault, parseWith } from './explain.ts'
import { API_VERSION } from './fields.ts'
import { type NodeManifest, nodeSchema } from './node.ts'
import { type TenantManifest, tenantSchema } from './tenant.ts'

/** What a manifest may hold. */
export type Manifest = NodeManifest | TenantManifest

/** A manifest with the place it was written at, if any. */
export interface Resource {
  readonly manifest: Manifest
  readonly place: Place
}

/** Bounds on a document, whatever it means; reached, the document is refused before a schema looks at it. */
export const DOCUMENT_LIMITS = {
  /** Maps and lists inside each other. */
  maxDepth: 64,
  /** Keys of one map. */
  maxKeys: 1_000,
  /** Items of one list, resources of a list included. */
  maxItems: 20_000,
} as const

const SCHEMAS = { Node: nodeSchema, Tenant: tenantSchema } as const
const KINDS = Object.keys(SCHEMAS)

/**
 * Reads the resources of one document: a single one, a list of them, or `kind: List` with `items`.
 *
 * @param value plain data, as a JSON or YAML parser gives it; never trusted to be small or well-formed
 * @returns the resources that are right and the errors of those that are not
 */
export function readResources(
  value: unknown,
  place: Place,
): { resources: Resource[]; errors: ManifestError[] } {
  const tooBig = boundsFault(value)
  if (tooBig !== undefined) return { resources: [], errors: [errorAt(place, tooBig.path, tooBig.message)] }
  const resources: Resource[] = []
  const errors: ManifestError[] = []
  for (const item of itemsOf(value)) {
    const faults = readOne(item.value, (manifest) =>
      resources.push({ manifest, place: below(place, item.path) }),
    )
    for (const fault of faults) {
      if (errors.length < MAX_ERRORS)
        errors.push(errorAt(place, [...item.path, ...fault.path], fault.message))
    }
  }
  return { resources, errors }
}

function below(place: Place, path: readonly PathPart[]): Place {
  if (path.length === 0) return place
  const prefix = errorAt(place, path, '').field
  const { lineOf, ...rest } = place
  return lineOf === undefined
    ? { ...rest, prefix }
    : { ...rest, prefix, lineOf: (tail) => lineOf([...path, ...tail]) }
}

interface Item {
  readonly value: unknown
  readonly path: readonly PathPart[]
}

function itemsOf(value: unknown): Item[] {
  if (Array.isArray(value)) return value.map((item, index) => ({ value: item, path: [index] }))
  if (isMap(value) && value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].map((item, index) => ({ value: item, path: ['items', index] }))
  }
  return [{ value, path: [] }]
}

function readOne(value: unknown, accept: (manifest: Manifest) => void): Fault[] {
  if (!isMap(value)) return [{ path: [], message: 'must be a map with apiVersion, kind, metadata and spec' }]
  const kind = Object.hasOwn(value, 'kind') ? value['kind'] : undefined
  if (typeof kind !== 'string' || !Object.hasOwn(SCHEMAS, kind)) {
    return [{ path: ['kind'], message: kindFault(kind) }]
  }
  if (value['apiVersion'] !== API_VERSION) {
    return [{ path: ['apiVersion'], message: `must be ${API_VERSION}` }]
  }
  const parsed = parseWith(SCHEMAS[kind as keyof typeof SCHEMAS], value)
  if ('faults' in parsed) return parsed.faults
  accept(parsed.value)
  return []
}

function kindFault(kind: unknown): string {
  const known = KINDS.join(' or ')
  if (typeof kind !== 'string') return `must be ${known}`
  const nearest = nearestOf(kind, KINDS)
  return `must be ${known}, not ${quote(kind)}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Walks plain data with a list instead of the call stack, so that depth cannot exhaust it. */
function boundsFault(root: unknown): Fault | undefined {
  const left: { value: object; path: PathPart[] }[] = []
  if (typeof root === 'object' && root !== null) left.push({ value: root, path: [] })
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, path } = next
    if (path.length >= DOCUMENT_LIMITS.maxDepth) {
      return { path: path.slice(0, 4), message: `must not be nested deeper than ${DOCUMENT_LIMITS.maxDepth}` }
    }
    if (Array.isArray(value) && value.length > DOCUMENT_LIMITS.maxItems) {
      return { path, message: `must have at most ${DOCUMENT_LIMITS.maxItems} items` }
    }
    const keys = Object.keys(value)
    if (!Array.isArray(value) && keys.length > DOCUMENT_LIMITS.maxKeys) {
      return { path, message: `must have at most ${DOCUMENT_LIMITS.maxKeys} keys` }
    }
    // The schema library leaves this key out in silence.
    if (keys.includes('__proto__'))
      return { path: [...path, '__proto__'], message: 'is not a name for a field' }
    for (const key of keys) {
      const child = (value as Record<string, unknown>)[key]
      if (typeof child !== 'object' || child === null) continue
      left.push({ value: child, path: [...path, Array.isArray(value) ? Number(key) : key] })
    }
  }
  return undefined
}
