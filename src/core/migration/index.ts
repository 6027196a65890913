/** Everything the node and coordinator objects need of the migration protocol. */

export * from './coordinator-side.ts'
export * from './lease-route.ts'
export * from './node-side.ts'
export * from './placement.ts'
export * from './plan.ts'
export * from './plan-takeover.ts'
export * from './refusals.ts'
export * from './remedy.ts'
export * from './serving-lease.ts'
export * from './strays.ts'
export * from './types.ts'
