import type { TenantCapsule } from '../../../src/core/capsule.ts'
import {
  type AccountGrant,
  type AccountReport,
  type LeaseReply,
  type LeaseRequest,
  MESSAGE_VERSION,
  type Moved,
} from '../../../src/core/messages.ts'
import type { LeaseRoute } from '../../../src/core/migration/lease-route.ts'
import type { Home, Install, NodeAnswer } from '../../../src/core/migration/types.ts'
import { plain } from './node-disk.ts'
import type { ClusterNode, NodeWorld, RunningNode } from './sim-node.ts'

type Answer = NodeAnswer<TenantCapsule>
type Answered = (request: LeaseRequest, done: (reply: LeaseReply) => void) => void
type Hold = LeaseRoute<TenantCapsule> & { kind: 'hold' }

/** Does every one of `tasks`, then `done`. */
function all(tasks: readonly ((done: () => void) => void)[], done: () => void): void {
  let open = tasks.length
  if (open === 0) done()
  const one = () => {
    open--
    if (open === 0) done()
  }
  for (const task of tasks) task(one)
}

/**
 * What the node's object does with promises is events here: each report of a message is served here, passed
 * on one hop (with the capsule), held until the capsule was pulled, or sent on.
 */
export function passOn(
  request: LeaseRequest,
  node: ClusterNode,
  running: RunningNode,
  world: NodeWorld,
  answerHere: Answered,
  respond: (reply: LeaseReply) => void,
): void {
  const { places, life } = running
  const nowMs = node.clock.nowMs()
  const serves = node.mayServe(running)
  const entries = new Map<AccountReport, AccountGrant | Moved>()
  const own: AccountReport[] = []
  const groups = new Map<string, { reports: AccountReport[]; installs: Install<TenantCapsule>[] }>()
  const holds: ((done: () => void) => void)[] = []
  for (const report of request.accounts) {
    const { tenant, epoch } = report
    const ask = { tenant, epoch, forwarded: request.forwarded === true }
    const facts = { node: node.name, mayServe: serves, drained: places.drained(tenant, life, nowMs) }
    const route = world.parts.routeLease(places.get(tenant)?.row ?? null, ask, facts)
    switch (route.kind) {
      case 'serve':
        own.push(report)
        break
      case 'hold':
        world.tally.count('heldAtTarget')
        holds.push((done) =>
          pull(node, tenant, route, world, (installed) => {
            if (installed) own.push(report)
            else entries.set(report, movedTo(tenant, route.otherwise))
            done()
          }),
        )
        break
      case 'moved':
        entries.set(report, movedTo(tenant, route.home))
        break
      case 'wait':
        world.tally.count('servingLapsed')
        entries.set(report, movedTo(tenant))
        break
      case 'unknown':
        entries.set(report, movedTo(tenant))
        break
      case 'forward': {
        world.tally.count('forwarded')
        const group = groups.get(route.to) ?? { reports: [], installs: [] }
        group.reports.push(report)
        group.installs.push(route.install)
        groups.set(route.to, group)
      }
    }
  }
  const end = () => {
    const accounts = request.accounts.map((report) => entries.get(report) ?? movedTo(report.tenant))
    respond({ version: MESSAGE_VERSION, accounts })
  }
  const forward = () => {
    if (running.dead) return
    const tasks = Array.from(
      groups,
      ([to, { reports, installs }]) =>
        (done: () => void) =>
          passGroup(
            node,
            to,
            { ...request, forwarded: true, accounts: reports },
            installs,
            world,
            (reply) => {
              for (const [i, report] of reports.entries()) {
                const home = { node: to, epoch: installs[i]!.epoch }
                entries.set(report, reply?.accounts[i] ?? movedTo(report.tenant, home))
                if (reply !== undefined) places.noteForward(report.tenant, report.session)
              }
              done()
            },
          ),
    )
    // What another node is told waits, as every answer does, until it is durable here.
    node.whenDurable(() => all(tasks, end))
  }
  all(holds, () => {
    if (running.dead) return
    if (own.length === 0) {
      forward()
      return
    }
    answerHere({ ...request, accounts: own }, (reply) => {
      for (const [i, report] of own.entries()) entries.set(report, reply.accounts[i]!)
      forward()
    })
  })
}

/** Fetches the capsule from where it waits, and installs it. */
function pull(
  node: ClusterNode,
  tenant: string,
  { from, pull: message }: Hold,
  { calls, terms, node: other }: NodeWorld,
  done: (installed: boolean) => void,
): void {
  calls.ask<Answer>(
    node.name,
    from,
    terms.callMs,
    (reply) => other(from).migrate(message, (answer) => reply(plain(answer))),
    (pulled) => {
      if (pulled?.kind !== 'handed') {
        done(false)
        return
      }
      const { epoch } = message
      const install = { kind: 'install', tenant, epoch, capsule: pulled.capsule } as const
      node.migrate(install, ({ kind }) => done(kind === 'installed'))
    },
  )
}

/** One message to a target, after the capsules of its tenants. */
function passGroup(
  node: ClusterNode,
  to: string,
  request: LeaseRequest,
  installs: readonly Install<TenantCapsule>[],
  world: NodeWorld,
  done: (reply: LeaseReply | undefined) => void,
): void {
  const { calls, terms, node: other } = world
  const next = installs[0]
  if (next === undefined) {
    calls.ask<LeaseReply>(node.name, to, terms.callMs, (reply) => other(to).lease(request, reply), done)
    return
  }
  calls.ask<Answer>(
    node.name,
    to,
    terms.callMs,
    (reply) => other(to).migrate(plain(next), reply),
    (answer) => {
      if (answer === undefined) done(undefined)
      else passGroup(node, to, request, installs.slice(1), world, done)
    },
  )
}

function movedTo(tenant: string, home?: Home): Moved {
  return { tenant, moved: home === undefined ? { epoch: 0 } : { node: home.node, epoch: home.epoch } }
}
