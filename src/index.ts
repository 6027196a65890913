/**
 * Stint as a library: {@link isolate} for a Hono application of one's own, {@link createGateway} for the whole
 * edge. The Worker that uses either exports {@link NodeObject} and {@link CoordinatorObject} and binds them as
 * `NODES` and `COORDINATOR`.
 */
export type { EdgeEnv, Limits } from './config.ts'
export { LIMITS } from './config.ts'
export { CoordinatorObject } from './coordinator/coordinator-object.ts'
export type { HostRoutes, NodeApi, Route } from './core/control.ts'
export type { CoordinatorApi } from './core/coordinator-api.ts'
export { createGateway } from './edge/gateway.ts'
export { type IsolateOptions, isolate } from './edge/middleware.ts'
export { NodeObject } from './node/node-object.ts'
