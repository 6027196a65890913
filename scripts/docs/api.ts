import { createAdminApp } from '../../src/admin/app.ts'
import { BODY_LIMITS } from '../../src/admin/body.ts'
import { PROBLEMS } from '../../src/admin/contract.ts'
import { documentOf } from '../../src/admin/openapi.ts'
import { SCOPES } from '../../src/core/coordinator-api.ts'
import { GENERATED, markdownTable } from './markdown.ts'

const INTRODUCTION = `# Admin API

Below \`/_stint/api/v1\`; the whole contract with all schemas is served as OpenAPI 3.1 at \`/_stint/openapi.json\`.

**Who may.** \`Authorization: Bearer TOKEN\`: the root secret \`STINT_ADMIN_TOKEN\` (at least 32 characters), an operator
token or a tenant token, made by \`POST /tokens\` or \`stint token create\` and kept as hashes. Scopes: ${SCOPES.join(', ')}.
A tenant token reads its own tenant, placement, usage and events and nothing else. With \`STINT_ACCESS_TEAM_DOMAIN\`
and \`STINT_ACCESS_AUD\` set, operators may come through Cloudflare Access instead. Without any secret every answer
is 503. Requests of other sites' pages are refused; there is no CORS.

**Writes.** \`If-Match\` with the \`ETag\` read before lets one of two writers through (412 for the other);
\`If-None-Match: *\` demands a new object, \`If-Match: *\` demands nothing. \`PUT\` and \`DELETE\` of nodes and tenants need
one of them (428). With an \`Idempotency-Key\` a write may be repeated for a day and gives its first outcome; the key
with another request is 409. Every write is in the journal with who made it.

**Lists** come in pages by name: \`limit\` (1 … 500) and \`after\`, which \`next\` of the page before gives.

**Bodies** are JSON in UTF-8, \`apply\` takes YAML too. At most ${BODY_LIMITS.apply >> 20} MiB for \`apply\`, ${BODY_LIMITS.object >> 20} MiB for one manifest.
`

/** The routes of the API, from its contract. */
export function apiReference(): string {
  const rows: string[][] = []
  for (const [path, item] of Object.entries(documentOf(createAdminApp()).paths ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      const { summary = '', parameters = [] } = operation as {
        summary?: string
        parameters?: { name?: string; in?: string }[]
      }
      const query = parameters.filter((it) => it.in === 'query').map((it) => `\`${it.name}\``)
      rows.push([
        `\`${method.toUpperCase()} ${path.replace('/_stint/api/v1', '')}\``,
        summary,
        query.join(', '),
      ])
    }
  }
  const problems = Object.entries(PROBLEMS).map(([status, meaning]) => [status, meaning])
  return `${GENERATED}${INTRODUCTION}
## Routes

${markdownTable(['route', '', 'query'], rows)}
## Refusals

\`application/problem+json\` (RFC 9457) with \`code\`, \`detail\`, and \`errors\` that name fields.

${markdownTable(['status', 'when'], problems)}`
}
