import { apiReference } from './api.ts'
import { cliReference } from './cli.ts'
import { manifestReference } from './manifest.ts'

/** The generated pages by their path; `npm run docs` writes them, a test compares them. */
export function references(): Map<string, string> {
  return new Map([
    ['docs/reference-manifest.md', manifestReference()],
    ['docs/reference-api.md', apiReference()],
    ['docs/reference-cli.md', cliReference()],
  ])
}
