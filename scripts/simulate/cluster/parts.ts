import type { TenantCapsule } from '../../../src/core/capsule.ts'
import { routeLease } from '../../../src/core/migration/lease-route.ts'
import type { Placement } from '../../../src/core/migration/placement.ts'
import { servingLapsed } from '../../../src/core/migration/serving-lease.ts'
import { NodeLife, type NodeLifeOptions } from '../../../src/core/node-life.ts'
import { type Place, Places } from '../../../src/core/places.ts'

/** Parts of the system that a test may replace by broken ones, to see that the simulation notices. */
export interface ClusterParts {
  newLife(options: NodeLifeOptions): NodeLife
  newPlaces(node: string, stored: Map<string, Place>, nowMs: number): Places
  readonly routeLease: typeof routeLease
  readonly servingLapsed: typeof servingLapsed
  /** Whether a node's answers to steps, and the coordinator's messages, wait until what was written is durable. */
  readonly nodeHolds: boolean
  readonly coordinatorHolds: boolean
  /** What the coordinator reads of a tenant when it starts. */
  recall(stored: Placement<TenantCapsule>): Placement<TenantCapsule>
}

export const REAL_CLUSTER_PARTS: ClusterParts = {
  newLife: (options) => new NodeLife(options),
  newPlaces: (node, stored, nowMs) => new Places(node, stored, nowMs),
  routeLease,
  servingLapsed,
  nodeHolds: true,
  coordinatorHolds: true,
  recall: (stored) => stored,
}
