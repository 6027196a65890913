import type { Checkpoint } from '../../../src/core/checkpoints.ts'
import { recordCheckpoint } from '../../../src/core/migration/coordinator-side.ts'
import type { Calls } from './calls.ts'
import { inheritable } from './capsules.ts'
import type { CoordinatorBook } from './coordinator-book.ts'
import type { LateBooking } from './coordinator-disk.ts'
import type { ClusterNode } from './sim-node.ts'
import type { ClusterTally } from './tally.ts'

interface LateWorld {
  readonly calls: Calls
  readonly tally: ClusterTally
  node(name: string): ClusterNode
}

/** Has the owners of accounts book what passed-over nodes have handed in, one thing of a tenant at a time. */
export function bookLate(book: CoordinatorBook, world: LateWorld): void {
  const busy = new Set<string>()
  for (const late of book.state!.bookings.values()) {
    const { tenant } = late.to
    const { owner } = book.state!.tenants.get(tenant)!.placement
    if (owner === null || busy.has(tenant)) continue
    busy.add(tenant)
    tell(book, late, owner, world)
  }
}

function tell(book: CoordinatorBook, late: LateBooking, owner: string, world: LateWorld): void {
  const { tenant } = late.to
  const { epoch } = book.state!.tenants.get(tenant)!.placement
  book.whenDurable(() => {
    world.calls.call<Checkpoint | null>(
      'coordinator',
      owner,
      (respond) => world.node(owner).settle(epoch, late, respond),
      (told) => {
        const known = book.state?.tenants.get(tenant)
        if (told === null || known === undefined || !book.state!.bookings.has(late.id)) return
        world.tally.count('bookedLate')
        const from = { node: owner, epoch: told.epoch }
        const placement = recordCheckpoint(known.placement, from, inheritable(owner, told))
        book.save({ tenants: [{ ...known, placement }], booked: late.id })
      },
    )
  })
}
