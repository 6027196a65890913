import { type Parts, REAL_PARTS } from '../../scripts/simulate/faults/parts.ts'
import { SimEdge } from '../../scripts/simulate/sim-edge.ts'
import { Verdict } from '../../src/core/lease.ts'
import { LeaseBook } from '../../src/core/lease-book.ts'
import { Ledger } from '../../src/core/ledger.ts'
import type { LeaseReply, LeaseRequest } from '../../src/core/messages.ts'
import { NodeLife, type NodeLifeOptions } from '../../src/core/node-life.ts'
import { Desk } from '../../src/core/session.ts'
import type { TenantAccount } from '../../src/core/tenancy.ts'

type Handled = ReturnType<NodeLife['handle']>

/** Counters without a session id: whatever an edge reports belongs to the session it has now. */
class WithoutSessionIds extends NodeLife {
  override handle(request: LeaseRequest, nowMs: number): Handled {
    const accounts = request.accounts.map((report) => {
      const session = this.sessions.desk(report.tenant, report.device)?.ofEdge(request.edge)?.id ?? ''
      return { ...report, session }
    })
    const { reply, ...rest } = super.handle({ ...request, accounts }, nowMs)
    return { reply: renamed(reply, request.edge), ...rest }
  }
}

function renamed(reply: LeaseReply, session: string): LeaseReply {
  return {
    ...reply,
    accounts: reply.accounts.map((entry) => ('moved' in entry ? entry : { ...entry, session })),
  }
}

/** Every desk of a life, also of tenants opened later. */
abstract class WithOtherDesks extends NodeLife {
  override open(account: TenantAccount): void {
    super.open(account)
    const devices = this.sessions.devices(account.tenant)
    for (const device of [undefined, ...devices]) this.change(this.sessions.desk(account.tenant, device)!)
  }

  protected abstract change(desk: Desk): void
}

/** What a session has not reported when it lapses goes back into the account. */
class ReclaimsAtExpiry extends WithOtherDesks {
  protected override change(desk: Desk): void {
    desk.lapse = (session, nowMs, stale) => {
      const lapsed = Desk.prototype.lapse.call(desk, session, nowMs, stale)
      desk.usage.presumed -= lapsed.presumed
      this.ledger.refund(desk.account, lapsed.presumed, this.ledger.roundNumber)
      lapsed.presumed = 0
      return lapsed
    }
  }
}

/** The totals heard last count, not the largest: a message that comes late is booked again. */
class TakesTheLastTotals extends WithOtherDesks {
  protected override change(desk: Desk): void {
    desk.report = (session, report) => {
      const booked = Desk.prototype.report.call(desk, session, report)
      session.totals = report
      return booked
    }
  }
}

/** Answers first and writes some other time. */
class WritesSeldom extends NodeLife {
  override handle(request: LeaseRequest, nowMs: number): Handled {
    return { reply: super.handle(request, nowMs).reply }
  }
}

/** Every session gets its part of what remains of the tenant's own tokens. */
class GrantsShareOfRemaining extends NodeLife {
  constructor(options: NodeLifeOptions) {
    super(options)
    const ledger = this.ledger
    ledger.lease = (account, wanted, needed, first, nowMs) => {
      const device = account.parent === ledger.root ? undefined : account.name
      const tenant = device === undefined ? account.name : account.parent!.name
      const sessions = this.sessions.desk(tenant, device)!.sessions.size
      const share = Math.floor(account.ownTokens / sessions)
      return Ledger.prototype.lease.call(ledger, account, Math.min(wanted, share), needed, first, nowMs)
    }
  }
}

/** Lends nothing in every fourth round; everybody's base is there as ever. */
class LendsInThreeRoundsOfFour extends NodeLife {
  constructor(options: NodeLifeOptions) {
    super(options)
    const ledger = this.ledger
    ledger.lease = (account, wanted, needed, first, nowMs) => {
      const most = ledger.roundNumber % 4 === 0 ? account.ownTokens : wanted
      return Ledger.prototype.lease.call(ledger, account, Math.min(wanted, most), needed, first, nowMs)
    }
  }
}

/** Begins again under the number of the life before: its sessions' ids come a second time. */
function withoutNewEpoch(options: NodeLifeOptions): NodeLife {
  const { stored } = options
  if (stored === undefined) return new NodeLife(options)
  const node = { ...stored.node, epoch: stored.node.epoch - 1, pastLives: [] }
  return new NodeLife({ ...options, stored: { ...stored, node } })
}

/** Saves once a round and not when an edge is about to forget what it has told. */
class ForgetsLateReports extends NodeLife {
  override handle(request: LeaseRequest, nowMs: number): Handled {
    const late = request.accounts.some(({ tenant, device, session }) =>
      this.sessions.desk(tenant, device)?.lapsed.has(session),
    )
    const { reply, write } = super.handle(request, nowMs)
    return late || write === undefined ? { reply } : { reply, write }
  }
}

/** An edge whose book refuses as soon as a lease is empty, without the node's word. */
function refusingWhenEmpty(...args: ConstructorParameters<typeof SimEdge>): SimEdge {
  const edge = new SimEdge(...args)
  const { book } = edge
  book.admit = (line, lease, ask, nowMs) => {
    if (nowMs >= lease.untilMs || lease.leftTokens(nowMs) >= ask.cost) {
      return LeaseBook.prototype.admit.call(book, line, lease, ask, nowMs)
    }
    lease.demand += ask.cost
    return Verdict.refuse
  }
  return edge
}

/** An edge that uses what it was granted for ever. */
function neverStopping(...args: ConstructorParameters<typeof SimEdge>): SimEdge {
  const edge = new SimEdge(...args)
  const { book } = edge
  book.settle = (line, reply, nowMs) => {
    const accounts = reply.accounts.map((entry) => ('moved' in entry ? entry : { ...entry, ttlMs: 1e12 }))
    return LeaseBook.prototype.settle.call(book, line, { ...reply, accounts }, nowMs)
  }
  return edge
}

/** Broken on purpose: each must be noticed by the simulation. */
export const BROKEN: Readonly<Record<string, Parts>> = {
  'no session id': { ...REAL_PARTS, newLife: (options) => new WithoutSessionIds(options) },
  'reclaim at expiry': { ...REAL_PARTS, newLife: (options) => new ReclaimsAtExpiry(options) },
  'no dedupe of totals': { ...REAL_PARTS, newLife: (options) => new TakesTheLastTotals(options) },
  'no write before the grant': {
    ...REAL_PARTS,
    newLife: (options) => new WritesSeldom(options),
    holdsReplies: false,
  },
  'a share of what remains': { ...REAL_PARTS, newLife: (options) => new GrantsShareOfRemaining(options) },
  'idle tokens not lent in every fourth round': {
    ...REAL_PARTS,
    newLife: (options) => new LendsInThreeRoundsOfFour(options),
  },
  'refuse when the lease is empty': { ...REAL_PARTS, newEdge: refusingWhenEmpty },
  'no new epoch': { ...REAL_PARTS, newLife: withoutNewEpoch },
  'late reports not saved': { ...REAL_PARTS, newLife: (options) => new ForgetsLateReports(options) },
  'leases without an end': { ...REAL_PARTS, newEdge: neverStopping },
}
