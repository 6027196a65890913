import { z } from 'zod'
import { nodeSchema } from '../../src/core/manifest/node.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { GENERATED, markdownTable } from './markdown.ts'

/** The part of a JSON Schema that the tables show. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly minItems?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly additionalProperties?: Schema | boolean
}

const INTRODUCTION = `# Manifests

One file holds any number of YAML documents (or JSON), each a node or a tenant; a list of them and
\`kind: List\` with \`items\` are read too. Unknown fields are errors. Rates are tokens per second with at most six
decimals. What a field does is told in the guide; this page lists what is accepted. Rules between fields: a
ceiling is at least the base, the bases of devices sum to at most their tenant's, no route is claimed twice.
`

/** Every field of nodes and tenants, from the schemas that read them. */
export function manifestReference(): string {
  const part = (title: string, schema: z.ZodType) => {
    const described = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema
    const rows = fields(described, '')
    return `\n## ${title}\n\n${markdownTable(['field', 'accepts', 'default', ''], rows)}`
  }
  return `${GENERATED}${INTRODUCTION}${part('kind: Node', nodeSchema)}${part('kind: Tenant', tenantSchema)}`
}

function fields(schema: Schema, path: string): string[][] {
  const rows: string[][] = []
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`
    const required = schema.required?.includes(name) === true
    const standard =
      field.default === undefined ? (required ? '(required)' : '') : `\`${JSON.stringify(field.default)}\``
    rows.push([`\`${at}\``, accepts(field), standard, field.description ?? ''])
    if (field.properties !== undefined) rows.push(...fields(field, at))
    for (const choice of field.anyOf ?? field.oneOf ?? []) rows.push(...fields(choice, at))
    if (field.items?.properties !== undefined) rows.push(...fields(field.items, `${at}[]`))
  }
  return rows
}

function accepts(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((it) => `\`${String(it)}\``).join(', ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map(accepts))].join(' or ')
  if (schema.type === 'array')
    return `list of ${accepts(schema.items ?? {})}${range(schema.minItems, schema.maxItems)}`
  if (schema.properties !== undefined) {
    const names = Object.keys(schema.properties)
    return names.length === 0 ? '`{}`' : `map: ${names.join(', ')}`
  }
  if (schema.type === 'object') return 'map of texts'
  if (schema.type === 'string')
    return schema.maxLength === undefined ? 'text' : `text, at most ${schema.maxLength}`
  const kind =
    schema.type === 'integer' ? 'whole number' : schema.type === 'boolean' ? '`true`, `false`' : 'number'
  const most = schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum
  return `${kind}${range(schema.minimum ?? schema.exclusiveMinimum, most)}`
}

function range(least: number | undefined, most: number | undefined): string {
  if (least === undefined && most === undefined) return ''
  return ` (${least ?? ''} … ${most ?? ''})`
}
