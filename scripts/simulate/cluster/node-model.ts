import type { TenantCapsule } from '../../../src/core/capsule.ts'
import { type Checkpoint, checkpointOf } from '../../../src/core/checkpoints.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { NodeMessage, TenantRow } from '../../../src/core/migration/types.ts'
import type { NodeLife } from '../../../src/core/node-life.ts'
import type { Place } from '../../../src/core/places.ts'
import type { Desk } from '../../../src/core/session.ts'
import { COUNTED } from '../faults/model.ts'
import { Violation } from '../faults/tally.ts'
import { AccountHeard } from './heard.ts'
import type { ClusterNode, RunningNode } from './sim-node.ts'
import type { ClusterTally } from './tally.ts'
import type { TenantTruth } from './truth.ts'
import { GrantWindows } from './windows.ts'

type Row = TenantRow<TenantCapsule> | undefined
type Changed = ReadonlyMap<string, Place | null>

/** A capsule that carries the number of what the model had heard when it was made. */
type Marked = TenantCapsule & { mark?: number }

/** Usage counter that a total is booked under. */
const USAGE = { used: 'spent', admitted: 'admitted', refused: 'refused', unreachable: 'unreachable' } as const

/** What the watch of the nodes needs. */
export interface NodeModelWorld {
  readonly nowMs: () => number
  readonly tally: ClusterTally
  readonly truth: ReadonlyMap<string, TenantTruth>
  readonly nodes: ReadonlyMap<string, ClusterNode>
  readonly roundMs: number
  readonly largestCosts: number
}

/**
 * Watches the nodes: one account per tenant and epoch, nobody serves what another one has, usage exactly once,
 * wherever the account goes, and what each node grants within its bound.
 */
export class NodeModel {
  readonly #world: NodeModelWorld
  readonly #marks: AccountHeard[] = []
  /** Of each tenant the account with the newest epoch that has granted, and where. */
  readonly #served = new Map<string, { epoch: number; node: string }>()
  readonly #windows: GrantWindows

  constructor(world: NodeModelWorld) {
    this.#world = world
    this.#windows = new GrantWindows(world)
  }

  /** What the model had heard of an account when a capsule was made of it. */
  heardIn(capsule: TenantCapsule): AccountHeard {
    const { mark } = capsule as Marked
    return mark === undefined ? new AccountHeard() : this.#marks[mark]!
  }

  /** The states of accounts that a heartbeat brings. */
  statesOf({ places, life, config, heard }: RunningNode): Checkpoint[] {
    return Array.from(places.active()).flatMap(([tenant]) => {
      const checkpoint = checkpointOf(tenant, places, life, config)
      if (checkpoint === undefined) return []
      const capsule: Marked = { ...checkpoint.capsule, mark: this.#mark(heard.get(tenant)) }
      return [{ ...checkpoint, capsule }]
    })
  }

  /** An object starts: what was durable is there, nothing less and nothing more. */
  onBoot(node: ClusterNode, running: RunningNode): void {
    this.#windows.onRestart(node.name)
    this.checkAll(running)
  }

  /** Every account of a node has booked what it was told, and no more than was granted and overdrawn. */
  checkAll(running: RunningNode): void {
    for (const tenant of running.life.sessions.tenants) {
      this.#checkUsage(running, tenant)
      this.#checkGranted(running, tenant)
    }
  }

  /** Granted = spent + presumed; what crashed isolates took along is presumed, what was overdrawn was spent. */
  #checkGranted({ life, heard: accounts }: RunningNode, tenant: string): void {
    const heard = accounts.get(tenant)
    if (heard === undefined) return
    const { grantedTokens, guaranteedTokens, granted } = this.#world.truth.get(tenant)!
    let booked = 0
    for (const { spent, presumed } of new Set(desksOf(life, tenant).map(({ usage }) => usage))) {
      booked += spent + presumed
    }
    const most = grantedTokens + guaranteedTokens + heard.beyond(granted)
    if (booked > most) this.#fail('granted', `${tenant}: ${booked} spent and presumed, ${most} granted`)
  }

  /** A clock was set ahead: the node may take its round for over. */
  onClockAhead(node: string): void {
    this.#windows.onRestart(node)
  }

  /** A configuration was applied: it opens first placements and retires what it no longer lists. */
  onConfigured(node: ClusterNode, running: RunningNode, changed: Changed): void {
    for (const [tenant, place] of changed) {
      if (place === null) this.#world.tally.count('tombstoneSwept')
      else if (place.row.role === 'retired') {
        this.#world.tally.count('retiredByConfig')
        this.#close(running, tenant, place)
      } else if (place.row.role === 'active' && !running.heard.has(tenant)) {
        running.heard.set(tenant, new AccountHeard())
        this.#onlyAccount(node, tenant, place.row.epoch)
      }
    }
  }

  /** What a node that was passed over has handed in was booked; `null` where it had no account. */
  onSettled(running: RunningNode, tenant: string, last: TenantCapsule | null): void {
    if (last !== null) running.heard.get(tenant)!.add(this.heardIn(last))
    this.#checkUsage(running, tenant)
  }

  /** A step of a migration was taken. */
  onStep(
    node: ClusterNode,
    running: RunningNode,
    message: NodeMessage<TenantCapsule>,
    before: Row,
    changed: Changed,
  ): void {
    const { tenant } = message
    for (const place of changed.values()) {
      if (place === null) continue
      if ('capsule' in place.row) this.#close(running, tenant, place)
      if (place.row.role !== 'active' || before?.role === 'active') continue
      if (message.kind !== 'install' && message.kind !== 'takeover') {
        this.#fail('protocol', `${node.name} opened ${tenant} on a ${message.kind}`)
      }
      this.#open(node, running, message.capsule, place.row.epoch, message.kind === 'takeover')
    }
  }

  #open(
    node: ClusterNode,
    running: RunningNode,
    capsule: TenantCapsule,
    epoch: number,
    taken: boolean,
  ): void {
    const { tenant } = capsule.row
    const { tally } = this.#world
    running.heard.set(tenant, this.heardIn(capsule).copy())
    this.#windows.onArrival(node.name, running.life.ledger.accounts.get(tenant)!.baseTokens)
    if (taken) this.#world.truth.get(tenant)!.takenOverAt = epoch
    this.#onlyAccount(node, tenant, epoch)
    if (!taken && capsule.row.desk.sessions.length > 0) tally.count('sessionsMoved')
    this.#checkArrived(running.life, capsule)
    this.#checkUsage(running, tenant)
  }

  /** What came is what was sent, exactly; only the balance is new, and pays what was owed. */
  #checkArrived({ sessions, ledger }: NodeLife, { row }: TenantCapsule): void {
    const { tenant } = row
    const now = sessions.row(tenant)!
    const account = ledger.accounts.get(tenant)!
    const owed = Math.max(0, row.owedTokens - account.baseTokens)
    const same = now.spentTotal === row.spentTotal && now.borrowedTotal === row.borrowedTotal
    const most = account.baseTokens - row.owedTokens
    if (!same || now.owedTokens < owed || account.balanceTokens > most || account.grantedTokens > 0) {
      this.#fail('conservation', `${tenant}: what arrived is not what left`)
    }
    const granted = (sessionsOf: typeof row) =>
      sessionsOf.desk.sessions.reduce((sum, session) => sum + session.granted - session.totals.used, 0)
    if (granted(now) !== granted(row)) this.#fail('conservation', `${tenant}: leases changed on the way`)
  }

  /** Nobody else has the account at this epoch, and nobody who has it at an older one may serve it. */
  #onlyAccount(node: ClusterNode, tenant: string, epoch: number): void {
    const { takenOverAt } = this.#world.truth.get(tenant)!
    for (const other of this.#world.nodes.values()) {
      if (other === node) continue
      const running = other.running
      const row = (running === undefined ? other.disk.place(tenant) : running.places.get(tenant))?.row
      if (row?.role !== 'active') continue
      const stopped = running === undefined || !other.mayServe(running)
      if (row.epoch > epoch || (row.epoch < takenOverAt && stopped)) continue
      this.#fail(
        'oneAccount',
        `${tenant}: opened on ${node.name} at ${epoch}, ACTIVE on ${other.name} at ${row.epoch}`,
      )
    }
  }

  #close(running: RunningNode, tenant: string, place: Place): void {
    const { row } = place
    if (!('capsule' in row)) return
    const capsule: Marked = row.capsule
    if (capsule.mark === undefined) {
      this.#checkUsage(running, tenant)
      capsule.mark = this.#mark(running.heard.get(tenant))
    }
    running.heard.delete(tenant)
  }

  #mark(heard: AccountHeard | undefined): number {
    return this.#marks.push((heard ?? new AccountHeard()).copy()) - 1
  }

  /** Handles a lease message and checks what it did. */
  onLease(
    node: ClusterNode,
    running: RunningNode,
    request: LeaseRequest,
    handle: () => LeaseReply,
  ): LeaseReply {
    const { life } = running
    const { tally } = this.#world
    for (const report of request.accounts) {
      const heard = running.heard.get(report.tenant)
      const desk = life.sessions.desk(report.tenant, report.device)
      if (heard === undefined || report.session === '') continue
      if (desk?.lapsed.has(report.session)) tally.count('lateReport')
      heard.hear(request.edge, report)
    }
    const lapsed = lapsedIn(life, request)
    const spent = spentBy(life)
    const reply = handle()
    tally.count('lapsed', Math.max(0, lapsedIn(life, request) - lapsed))
    this.#windows.onGranted(node.name, life.ledger.roundTokens, spentBy(life) - spent)
    for (const entry of reply.accounts) {
      if ('moved' in entry) continue
      const { tenant, epoch, session } = entry
      this.#world.truth.get(tenant)!.noteGrant(session, entry.granted, entry.credit)
      if (running === node.running) this.#noteServing(node.name, tenant, epoch)
    }
    for (const tenant of new Set(request.accounts.map((report) => report.tenant)))
      this.#checkUsage(running, tenant)
    return reply
  }

  /** Once a newer account of a tenant has granted, an older one must not. */
  #noteServing(node: string, tenant: string, epoch: number): void {
    const last = this.#served.get(tenant)
    if (last !== undefined && (epoch < last.epoch || (epoch === last.epoch && node !== last.node))) {
      this.#fail(
        'serving',
        `${tenant}: ${node} grants at ${epoch}, ${last.node} has granted at ${last.epoch}`,
      )
    }
    this.#served.set(tenant, { epoch, node })
  }

  /** The account has booked what it was told, exactly once, and never more than happened. */
  #checkUsage(running: RunningNode, tenant: string): void {
    const heard = running.heard.get(tenant)
    const { sessions } = running.life
    if (heard === undefined || sessions.account(tenant) === undefined) return
    const sum = heard.sum()
    const desks = desksOf(running.life, tenant)
    let unsettled = 0
    for (const { lapsed } of new Set(desks)) for (const { presumed } of lapsed.values()) unsettled += presumed
    let presumed = 0
    for (const usage of new Set(desks.map((desk) => desk.usage))) {
      presumed += usage.presumed
      for (const counter of COUNTED) sum[counter] -= usage[USAGE[counter]]
    }
    for (const counter of COUNTED) {
      if (sum[counter] === 0) continue
      this.#fail('usage', `${tenant}: ${counter} booked differs from what was heard by ${-sum[counter]}`)
    }
    if (presumed !== unsettled) {
      this.#fail('presumed', `${tenant}: ${presumed} presumed, ${unsettled} of it by lapsed sessions`)
    }
    const truth = this.#world.truth.get(tenant)!
    const spent = heard.sum().used
    if (spent > truth.spentTokens)
      this.#fail('usage', `${tenant}: ${spent} spent, ${truth.spentTokens} admitted`)
  }

  #fail(invariant: string, detail: string): never {
    throw new Violation(invariant, this.#world.nowMs(), detail)
  }
}

/** The desks of a tenant: its own, those of its devices. */
function desksOf({ sessions }: NodeLife, tenant: string): Desk[] {
  return [sessions.desk(tenant)!, ...sessions.devices(tenant).map((device) => sessions.desk(tenant, device)!)]
}

function lapsedIn(life: NodeLife, request: LeaseRequest): number {
  let count = 0
  for (const { tenant, device } of request.accounts) {
    count += life.sessions.desk(tenant, device)?.lapsed.size ?? 0
  }
  return count
}

/** Micro-tokens all accounts have spent here since they came. */
function spentBy({ ledger }: NodeLife): number {
  let sum = 0
  for (const { spentTotal } of ledger.accounts.values()) sum += spentTotal
  return sum
}
