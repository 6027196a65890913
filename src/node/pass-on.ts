import type { TenantCapsule } from '../core/capsule.ts'
import type { NodeApi } from '../core/control.ts'
import {
  type AccountGrant,
  type AccountReport,
  type LeaseReply,
  type LeaseRequest,
  MESSAGE_VERSION,
  type Moved,
} from '../core/messages.ts'
import { type LeaseRoute, routeLease } from '../core/migration/lease-route.ts'
import type { Home, Install, NodeAnswer, NodeMessage } from '../core/migration/types.ts'
import type { NodeLife } from '../core/node-life.ts'
import type { Places } from '../core/places.ts'

/** How one node reaches another. */
export type OtherNodes = (name: string) => Pick<NodeApi, 'lease' | 'migrate'>

/** What this node does itself. */
export interface OwnNode {
  answer(request: LeaseRequest): LeaseReply
  migrate(message: NodeMessage<TenantCapsule>): Promise<NodeAnswer<TenantCapsule>>
}

type Entry = AccountGrant | Moved
type Routed = { readonly report: AccountReport; readonly route: LeaseRoute<TenantCapsule> }

/**
 * Answers a message some of whose tenants are coming, leaving or gone: each report is served here, passed on
 * one hop (with the capsule, so that the target can serve at once), held until the capsule was pulled, or
 * sent on. Nobody is refused because of a move.
 */
export async function passOn(
  request: LeaseRequest,
  places: Places,
  life: NodeLife,
  others: OtherNodes,
  own: OwnNode,
): Promise<LeaseReply> {
  const nowMs = Date.now()
  const forwarded = request.forwarded === true
  const routed: Routed[] = request.accounts.map((report) => {
    const { tenant, epoch } = report
    const facts = { node: '', mayServe: true, drained: places.drained(tenant, life, nowMs) }
    return {
      report,
      route: routeLease(places.get(tenant)?.row ?? null, { tenant, epoch, forwarded }, facts),
    }
  })
  const entries = new Map<AccountReport, Entry>()
  const served = await Promise.all(
    routed.map(({ report, route }) => becomesServable(report, route, entries, others, own)),
  )
  serve(
    request,
    routed.filter((_, i) => served[i]).map(({ report }) => report),
    entries,
    own,
  )
  await passGroups(request, routed, entries, places, others)
  const accounts = request.accounts.map((report) => entries.get(report) ?? movedTo(report.tenant))
  return { version: MESSAGE_VERSION, accounts }
}

/** Whether a report can be served here, now or after the capsule was fetched; otherwise its entry is made. */
async function becomesServable(
  report: AccountReport,
  route: LeaseRoute<TenantCapsule>,
  entries: Map<AccountReport, Entry>,
  others: OtherNodes,
  own: OwnNode,
): Promise<boolean> {
  switch (route.kind) {
    case 'serve':
      return true
    case 'hold':
      if (await fetchCapsule(report.tenant, route, others, own)) return true
      entries.set(report, movedTo(report.tenant, route.otherwise))
      return false
    case 'moved':
      entries.set(report, movedTo(report.tenant, route.home))
      return false
    case 'unknown':
    case 'wait':
      entries.set(report, movedTo(report.tenant))
      return false
    case 'forward':
      return false
  }
}

async function fetchCapsule(
  tenant: string,
  route: LeaseRoute<TenantCapsule> & { kind: 'hold' },
  others: OtherNodes,
  own: OwnNode,
): Promise<boolean> {
  try {
    const pulled = await others(route.from).migrate(route.pull)
    if (pulled.kind !== 'handed') return false
    const install: Install<TenantCapsule> = {
      kind: 'install',
      tenant,
      epoch: route.pull.epoch,
      capsule: pulled.capsule,
    }
    return (await own.migrate(install)).kind === 'installed'
  } catch {
    return false // the source is unreachable now: the edge asks it itself
  }
}

function serve(
  request: LeaseRequest,
  accounts: readonly AccountReport[],
  entries: Map<AccountReport, Entry>,
  own: OwnNode,
): void {
  if (accounts.length === 0) return
  const reply = own.answer({ ...request, accounts })
  for (const [i, report] of accounts.entries()) entries.set(report, reply.accounts[i]!)
}

/** One message per target, after the capsules of its tenants. */
async function passGroups(
  request: LeaseRequest,
  routed: readonly Routed[],
  entries: Map<AccountReport, Entry>,
  places: Places,
  others: OtherNodes,
): Promise<void> {
  const groups = new Map<string, { reports: AccountReport[]; installs: Install<TenantCapsule>[] }>()
  for (const { report, route } of routed) {
    if (route.kind !== 'forward') continue
    const group = groups.get(route.to) ?? { reports: [], installs: [] }
    group.reports.push(report)
    group.installs.push(route.install)
    groups.set(route.to, group)
  }
  await Promise.all(
    Array.from(groups, async ([to, { reports, installs }]) => {
      try {
        const target = others(to)
        for (const install of installs) await target.migrate(install)
        const reply = await target.lease({ ...request, forwarded: true, accounts: reports })
        for (const [i, report] of reports.entries()) {
          entries.set(report, reply.accounts[i]!)
          places.noteForward(report.tenant, report.session)
        }
      } catch {
        for (const [i, report] of reports.entries()) {
          entries.set(report, movedTo(report.tenant, { node: to, epoch: installs[i]!.epoch }))
        }
      }
    }),
  )
}

function movedTo(tenant: string, home?: Home): Moved {
  return { tenant, moved: home === undefined ? { epoch: 0 } : { node: home.node, epoch: home.epoch } }
}
