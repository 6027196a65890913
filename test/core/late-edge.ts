import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import { type AccountGrant, type AccountReport, MESSAGE_VERSION } from '../../src/core/messages.ts'
import { NodeLife } from '../../src/core/node-life.ts'
import { accountOf } from '../../src/core/placed.ts'
import { NO_TOTALS } from '../../src/core/usage.ts'

export const MICRO = 1_000_000
export const ROUND_MS = 1_000
export const MOST = 10

const { spec } = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 't' },
  spec: { base: 90, devices: [{ name: 'api', base: 40, match: { paths: ['/api'] } }] },
})
/** The tenant `t`, with a device. */
export const account = (epoch: number) => accountOf({ tenant: 't', epoch, spec }, ROUND_MS)

/** A node's first life. */
export function lifeOf(node: string): NodeLife {
  return new NodeLife({ node, roundTokens: 200 * MICRO, roundMs: ROUND_MS, nowMs: 0 })
}

/** An edge with one session: what it was granted and what it has used of it. */
export class Edge {
  readonly #name: string
  readonly #device: string | undefined
  session = ''
  granted = 0
  used = 0

  constructor(name: string, device: string | undefined) {
    this.#name = name
    this.#device = device
  }

  report(life: NodeLife, nowMs = 0): AccountGrant {
    const { session } = this
    const totals = { ...NO_TOTALS, used: this.used * MICRO, demand: this.used * MICRO, admitted: this.used }
    const device = this.#device === undefined ? {} : { device: this.#device }
    const most = session === '' ? MOST * MICRO : 0
    const asked: AccountReport = {
      tenant: 't',
      ...device,
      epoch: 1,
      session,
      ...(session === '' ? NO_TOTALS : totals),
      // What waits is granted whole, so that no edge of a story uses more than it was granted.
      ...{ want: most, waiting: most, first: 0 },
    }
    const request = { version: MESSAGE_VERSION, edge: this.#name, accounts: [asked] }
    const [grant] = life.handle(request, nowMs).reply.accounts as [AccountGrant]
    return grant
  }

  begin(life: NodeLife): void {
    const { session, granted } = this.report(life)
    this.session = session
    this.granted = granted / MICRO
  }
}

/** What `t` has used there, requests and tokens. */
export function usageOf(life: NodeLife) {
  const sum = { admitted: 0, spent: 0, presumed: 0 }
  for (const device of [undefined, 'api']) {
    const { admitted, spent, presumed } = life.sessions.desk('t', device)!.usage
    sum.admitted += admitted
    sum.spent += spent / MICRO
    sum.presumed += presumed / MICRO
  }
  return sum
}
