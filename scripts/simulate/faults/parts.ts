import { NodeLife, type NodeLifeOptions } from '../../../src/core/node-life.ts'
import { SimEdge } from '../sim-edge.ts'

/** Parts of the system that a test may replace by broken ones, to see that the simulation notices. */
export interface Parts {
  newLife(options: NodeLifeOptions): NodeLife
  newEdge(id: string, world: ConstructorParameters<typeof SimEdge>[1]): SimEdge
  /** Whether replies wait until what was written before them is durable. */
  readonly holdsReplies: boolean
}

export const REAL_PARTS: Parts = {
  newLife: (options) => new NodeLife(options),
  newEdge: (id, world) => new SimEdge(id, world),
  holdsReplies: true,
}
