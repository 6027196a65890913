import { LIMITS } from './config.ts'
import { createGateway } from './edge/gateway.ts'

export { CoordinatorObject } from './coordinator/coordinator-object.ts'
export { NodeObject } from './node/node-object.ts'

export default createGateway(LIMITS)
