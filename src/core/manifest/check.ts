import { toMicro, toTokens } from '../amount.ts'
import { compositeKey } from '../name.ts'
import type { Resource } from './document.ts'
import { errorAt, type ManifestError, type Place } from './errors.ts'
import type { NodeManifest } from './node.ts'
import { claimKeys, describeRoute } from './route.ts'
import type { TenantManifest } from './tenant.ts'

/** Everything that was declared, each name once and no route claimed twice. */
export interface ManifestSet {
  readonly nodes: readonly NodeManifest[]
  readonly tenants: readonly TenantManifest[]
}

/** Sorts resources by kind, in the order they were written. */
export function toManifestSet(resources: readonly Resource[]): ManifestSet {
  const nodes: NodeManifest[] = []
  const tenants: TenantManifest[] = []
  for (const { manifest } of resources) {
    if (manifest.kind === 'Node') nodes.push(manifest)
    else tenants.push(manifest)
  }
  return { nodes, tenants }
}

/** What no single document can get wrong: a name used twice, a route claimed by two tenants. */
export function checkTogether(resources: readonly Resource[]): ManifestError[] {
  const errors: ManifestError[] = []
  const names = new Map<string, Place>()
  const claims = new Map<string, Resource>()
  for (const resource of resources) {
    const { manifest, place } = resource
    const key = compositeKey(manifest.kind, manifest.metadata.name)
    const twin = names.get(key)
    if (twin !== undefined) {
      const message = `must be unique, ${manifest.kind} ${manifest.metadata.name} is already in ${placeText(twin)}`
      errors.push(errorAt(place, ['metadata', 'name'], message))
      continue
    }
    names.set(key, place)
    if (manifest.kind === 'Tenant') checkClaims(resource, manifest, claims, errors)
  }
  return errors
}

function checkClaims(
  resource: Resource,
  tenant: TenantManifest,
  claims: Map<string, Resource>,
  errors: ManifestError[],
): void {
  const { hosts, keys } = tenant.spec
  for (const key of claimKeys(tenant.spec)) {
    const other = claims.get(key)
    if (other === undefined) claims.set(key, resource)
    else if (other !== resource) {
      const owner = `tenant ${other.manifest.metadata.name} (${placeText(other.place)})`
      const field = keys.length > 0 ? 'keys' : hosts.length > 0 ? 'hosts' : 'paths'
      errors.push(
        errorAt(resource.place, ['spec', field], `must not claim ${describeRoute(key)}, ${owner} does`),
      )
      return
    }
  }
}

/**
 * What only the full set shows: a pin to a node that does not exist, and bases fixed to a node that exceed
 * its capacity (the hard reservation: Σ base ≤ capacity).
 */
export function checkPlacements(resources: readonly Resource[]): ManifestError[] {
  const errors: ManifestError[] = []
  const nodes = new Map<string, { capacityMicro: number; fixedMicro: number }>()
  for (const { manifest } of resources) {
    if (manifest.kind !== 'Node') continue
    nodes.set(manifest.metadata.name, { capacityMicro: toMicro(manifest.spec.capacity), fixedMicro: 0 })
  }
  for (const { manifest, place } of resources) {
    if (manifest.kind !== 'Tenant' || manifest.spec.node === undefined) continue
    const node = nodes.get(manifest.spec.node)
    if (node === undefined) {
      errors.push(
        errorAt(place, ['spec', 'node'], `must name a node, there is none called ${manifest.spec.node}`),
      )
      continue
    }
    node.fixedMicro += toMicro(manifest.spec.base)
    if (node.fixedMicro > node.capacityMicro) {
      const sum = `the bases fixed to ${manifest.spec.node} sum to ${toTokens(node.fixedMicro)}`
      const message = `must leave room: with it ${sum} of ${toTokens(node.capacityMicro)} tokens/s`
      errors.push(errorAt(place, ['spec', 'base'], message))
      node.fixedMicro -= toMicro(manifest.spec.base)
    }
  }
  return errors
}

function placeText(place: Place): string {
  const prefix = place.prefix === '' ? '' : `, ${place.prefix}`
  return `${place.file}: document ${place.document}${prefix}`
}
