import type { Env } from '../../src/config.ts'

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {}
  }
}
type Bindings = Env
