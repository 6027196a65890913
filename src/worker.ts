import { type Env, LIMITS } from './config.ts'
import { createGateway } from './edge/gateway.ts'

export { CoordinatorObject } from './coordinator/coordinator-object.ts'
export { NodeObject } from './node/node-object.ts'
export { SignalBoard } from './signals/signal-board.ts'

const gateway = createGateway(LIMITS)

export default {
  async fetch(request, env, ctx) {
    // A search of the text first: parsing the URL costs more, and nearly every request is a tenant's.
    if (request.url.includes('/_stint/') && new URL(request.url).pathname.startsWith('/_stint/')) {
      // Loaded by its first request: the schema library is most of the bundle and no use to the hot path.
      const { adminFetch } = await import('./admin/app.ts')
      return adminFetch(request, env, ctx)
    }
    return gateway.fetch(request, env, ctx)
  },
} satisfies ExportedHandler<Env>
