import { describe, expect, it } from 'vitest'
import { handedInOf } from '../../src/core/handed-in.ts'
import { inheritFrom, presumeRowSpent } from '../../src/core/late-usage.ts'
import { tenantSchema } from '../../src/core/manifest/tenant.ts'
import type { TenantRow } from '../../src/core/tenancy.ts'
import { account, Edge, lifeOf, usageOf } from './late-edge.ts'

const { spec } = tenantSchema.parse({
  apiVersion: 'stint/v1',
  kind: 'Tenant',
  metadata: { name: 't' },
  spec: { base: 90, hosts: ['t.localhost'] },
})

/** `s` answers `retire` with this state of the account. */
function retired(row: TenantRow, epoch: number) {
  const capsule = { placed: { tenant: 't', epoch: row.epoch, spec }, row }
  return { kind: 'retired', tenant: 't', epoch, node: 's', capsule } as const
}

describe('what a node that was passed over hands in, with nothing to book', () => {
  it('leaves the owner its sessions, who has had them by a move', () => {
    const source = lifeOf('s')
    source.open(account(1))
    const edge = new Edge('e', undefined)
    edge.begin(source)
    const last = source.close('t')!.row
    const target = lifeOf('h')
    target.install(account(2), last, 0)
    edge.used = 4
    edge.report(target)
    const before = target.sessions.row('t')!
    target.sessions.settle(handedInOf(retired(last, 3), null), 0)
    expect({ ...target.sessions.row('t')!, settled: undefined }).toEqual({ ...before, settled: undefined })
  })

  it('tells an heir that nothing more will come: the node is not named any more', () => {
    const heir = lifeOf('h')
    const from = inheritFrom(lifeRow(), [{ node: 's', life: 1, opened: 0 }])
    heir.install(account(2), presumeRowSpent(from), 0)
    const edge = new Edge('e', undefined)
    edge.session = 's:1.0'
    edge.used = 4
    heir.sessions.settle(handedInOf({ ...retired(from, 3), capsule: null }, null), 0)
    edge.report(heir)
    expect(usageOf(heir).spent).toBe(0)
    expect(heir.sessions.row('t')!.inherited).toBeUndefined()
  })
})

/** The state of an account that was opened and not used. */
function lifeRow(): TenantRow {
  const source = lifeOf('s')
  source.open(account(1))
  return source.sessions.row('t')!
}
