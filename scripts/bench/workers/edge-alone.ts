import type { EdgeEnv } from '../../../src/config.ts'
import worker from '../../../src/edge-worker.ts'

interface Far {
  /** Where another Stint passes calls on to its objects. */
  readonly OBJECTS_URL: string
}

/** A namespace whose objects live in another process, warm. */
function far(url: string, binding: string) {
  const stub = (name: string) =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          async (...parameters: unknown[]) => {
            const body = JSON.stringify({ binding, name, method, parameters })
            return (await fetch(url, { method: 'POST', body })).json()
          },
      },
    )
  return { idFromName: (name: string) => name, get: stub, getByName: stub }
}

export default {
  fetch(request: Request, env: EdgeEnv & Far, ctx: ExecutionContext) {
    const [NODES, COORDINATOR] = [far(env.OBJECTS_URL, 'NODES'), far(env.OBJECTS_URL, 'COORDINATOR')]
    return worker.fetch(request as never, { ...env, NODES, COORDINATOR } as never, ctx)
  },
}
