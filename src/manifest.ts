/** Reading manifests, apart from the rest because the schema and YAML libraries are large. */
export type { ManifestSet } from './core/manifest/check.ts'
export { formatManifestError, type ManifestError } from './core/manifest/errors.ts'
export type { NodeManifest } from './core/manifest/node.ts'
export { type ManifestFile, parseManifests } from './core/manifest/parse.ts'
export type { TenantManifest } from './core/manifest/tenant.ts'
