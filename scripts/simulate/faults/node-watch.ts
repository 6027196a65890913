import type { Account } from '../../../src/core/account.ts'
import type { AccountReport, LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { Desk, Session } from '../../../src/core/session.ts'
import { type AccountTruth, accountKey, COUNTED } from './model.ts'
import type { RunningLife } from './sim-node.ts'
import { type Tally, Violation } from './tally.ts'

/** Usage counter that a total is booked under. */
const USAGE = { used: 'spent', admitted: 'admitted', refused: 'refused', unreachable: 'unreachable' } as const
/** Most traces of lapsed sessions an account may keep, with those of one sweep to come. */
const MOST_LAPSED = 256 + 64

const ONE_TOKEN = 1_000_000

interface Before {
  readonly round: number
  readonly pool: number
  readonly accounts: ReadonlyMap<Account, { start: number; granted: number; spent: number; borrowed: number }>
}

/** Watches the node: conservation in the ledger, usage exactly once, tables that stay bounded. */
export class NodeWatch {
  readonly #nowMs: () => number
  readonly #truth: ReadonlyMap<string, AccountTruth>
  readonly #tally: Tally
  /** Isolates there have been so far: more sessions an account never has. */
  mostSessions = 0
  /** What each life's desks looked like when last seen. */
  readonly #seen = new WeakMap<RunningLife, Map<string, { lapsed: number; presumed: number }>>()
  /** Largest Σ credit over all sessions of a life. */
  largestCredit = 0

  constructor(nowMs: () => number, truth: ReadonlyMap<string, AccountTruth>, tally: Tally) {
    this.#nowMs = nowMs
    this.#truth = truth
    this.#tally = tally
  }

  /** What was heard (at the start of a life: what was durable) is there, nothing less and nothing more. */
  checkAll(running: RunningLife): void {
    const seen = new Map<string, { lapsed: number; presumed: number }>()
    for (const { key, desk } of desksOf(running)) {
      this.#checkUsage(running, key, desk)
      seen.set(key, { lapsed: desk.lapsed.size, presumed: desk.usage.presumed })
    }
    this.#seen.set(running, seen)
  }

  /** Handles a message and checks what it did. */
  onHandled(running: RunningLife, request: LeaseRequest, handle: () => LeaseReply): LeaseReply {
    const before = snapshot(running)
    const desks = new Map(desksOf(running).map(({ key, desk }) => [key, desk]))
    const owed = new Set(
      Array.from(desks).flatMap(([key, desk]) => (desk.account.owedTokens > 0 ? [key] : [])),
    )
    const unknown: string[] = []
    const named = new Set<string>()
    for (const report of request.accounts) {
      const key = accountKey(report.tenant, report.device)
      named.add(key)
      const desk = desks.get(key)!
      const session = desk.sessions.get(report.session)
      if (session !== undefined && overdraws(session, report)) this.#tally.count('overdraft')
      if (desk.lapsed.has(report.session)) this.#tally.count('lateReport')
      else if (report.session !== '' && session === undefined) unknown.push(report.session)
    }
    running.heard.hear(request)
    const reply = handle()
    this.#noteGrants(reply)
    this.#checkConservation(running, before)
    for (const [key, desk] of desks) {
      if (named.has(key)) this.#checkUsage(running, key, desk)
      if (named.has(key)) this.#checkTables(key, desk)
      this.#countLapses(running, key, desk, unknown)
      if (owed.has(key) && desk.account.owedTokens === 0) this.#tally.count('repaidDebt')
      if (atCeiling(desk.account, running.life.ledger.roundMs)) this.#tally.count('atCeiling')
    }
    return reply
  }

  #countLapses(running: RunningLife, key: string, desk: Desk, unknown: readonly string[]): void {
    const seen = this.#seen.get(running)!
    const before = seen.get(key) ?? { lapsed: 0, presumed: 0 }
    const adopted = unknown.filter((id) => desk.lapsed.has(id)).length
    this.#tally.count('adoptedSession', adopted)
    this.#tally.count('lapsed', Math.max(0, desk.lapsed.size - before.lapsed - adopted))
    if (desk.usage.presumed > before.presumed) this.#tally.count('presumed')
    if (desk.usage.presumed < before.presumed) this.#tally.count('lateSettled')
    seen.set(key, { lapsed: desk.lapsed.size, presumed: desk.usage.presumed })
  }

  #noteGrants(reply: LeaseReply): void {
    for (const entry of reply.accounts) {
      if ('moved' in entry) continue
      const truth = this.#truth.get(accountKey(entry.tenant, entry.device))!
      truth.noteGrant(entry.session, entry.granted, entry.credit)
    }
  }

  /** Within a round what the pool loses is what the accounts are granted; every grant was booked. */
  #checkConservation(running: RunningLife, before: Before): void {
    const { ledger } = running.life
    const sameRound = ledger.roundNumber === before.round
    let granted = 0
    for (const [account, was] of before.accounts) {
      if (sameRound && account.balanceTokens + account.grantedTokens !== was.start) {
        this.#fail('conservation', `${account.name}: balance and grants do not add up`)
      }
      if (account.parent === ledger.root) granted += account.grantedTokens - was.granted
      if (account.borrowedTotal > was.borrowed) this.#tally.count('borrowed')
      const truth = this.#truth.get(keyOf(account))
      if (truth === undefined) continue
      truth.bookedTokens += account.spentTotal - was.spent
      const booked = truth.bookedTokens + truth.guaranteedTokens
      if (truth.grantedTokens > booked) {
        this.#fail(
          'granted',
          `${keyOf(account)}: ${truth.grantedTokens} granted to sessions, ${booked} booked`,
        )
      }
    }
    if (sameRound && before.pool - ledger.poolTokens !== granted) {
      this.#fail('conservation', `the pool lost ${before.pool - ledger.poolTokens}, ${granted} were granted`)
    }
  }

  #checkUsage(running: RunningLife, key: string, desk: Desk): void {
    const heard = running.heard.sum(key)
    const usage = desk.usage
    for (const counter of COUNTED) {
      if (usage[USAGE[counter]] === heard[counter]) continue
      this.#fail('usage', `${key}: ${USAGE[counter]} is ${usage[USAGE[counter]]}, heard ${heard[counter]}`)
    }
    const truth = this.#truth.get(key)!
    const spentAtMost = truth.admittedTokens + truth.guaranteedTokens
    if (usage.spent > spentAtMost)
      this.#fail('usage', `${key}: ${usage.spent} spent, ${spentAtMost} admitted`)
    let unsettled = 0
    for (const { presumed } of desk.lapsed.values()) {
      if (presumed < 0) this.#fail('presumed', `${key}: ${presumed} presumed of a session`)
      unsettled += presumed
    }
    if (usage.presumed !== unsettled) this.#fail('presumed', `${key}: ${usage.presumed}, not ${unsettled}`)
    const granted = truth.grantedTokens + truth.guaranteedTokens + overdrawn(running, key, truth)
    if (usage.spent + usage.presumed > granted) {
      this.#fail('presumed', `${key}: more spent and presumed than was granted and overdrawn`)
    }
  }

  #checkTables(key: string, desk: Desk): void {
    if (desk.sessions.size > this.mostSessions)
      this.#fail('bounded', `${key}: ${desk.sessions.size} sessions`)
    if (desk.lapsed.size > MOST_LAPSED) this.#fail('bounded', `${key}: ${desk.lapsed.size} lapsed sessions`)
    let credit = 0
    for (const session of desk.sessions.values()) credit += session.credit
    this.largestCredit = Math.max(this.largestCredit, credit)
  }

  #fail(invariant: string, detail: string): never {
    throw new Violation(invariant, this.#nowMs(), detail)
  }
}

/** Whether a report says that more was spent than granted, what was admitted without the node aside. */
function overdraws(session: Session, report: AccountReport): boolean {
  return report.used - (report.guaranteed - session.totals.guaranteed) > session.granted
}

/** What sessions reported beyond what was granted to them. */
function overdrawn(running: RunningLife, key: string, truth: AccountTruth): number {
  return running.heard.beyond(key, (session) => truth.granted.get(session) ?? 0)
}

/** Refused, and its ceiling leaves no room for another token. */
function atCeiling({ ceilingTokens, baseTokens, levelTokenMs, refused }: Account, roundMs: number): boolean {
  if (!refused || ceilingTokens === Number.POSITIVE_INFINITY) return false
  return levelTokenMs / roundMs + ONE_TOKEN > Math.max(ceilingTokens / 2, baseTokens)
}

function keyOf(account: Account): string {
  const parent = account.parent!
  return parent.parent === undefined ? account.name : accountKey(parent.name, account.name)
}

function desksOf({ life }: RunningLife): { key: string; desk: Desk }[] {
  const { sessions } = life
  return Array.from(sessions.tenants).flatMap((tenant) => {
    const devices = sessions.devices(tenant)
    if (devices.length === 0) return [{ key: tenant, desk: sessions.desk(tenant)! }]
    return devices.map((device) => ({
      key: accountKey(tenant, device),
      desk: sessions.desk(tenant, device)!,
    }))
  })
}

function snapshot({ life }: RunningLife): Before {
  const accounts: [Account, { start: number; granted: number; spent: number; borrowed: number }][] = []
  for (const tenant of life.ledger.accounts.values()) {
    for (const account of [tenant, ...tenant.children]) {
      const granted = account.grantedTokens
      const start = account.balanceTokens + granted
      accounts.push([account, { start, granted, spent: account.spentTotal, borrowed: account.borrowedTotal }])
    }
  }
  return { round: life.ledger.roundNumber, pool: life.ledger.poolTokens, accounts: new Map(accounts) }
}
