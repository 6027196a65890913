import type { Account } from '../../../src/core/account.ts'
import type { Ledger } from '../../../src/core/ledger.ts'
import type { LeaseReply, LeaseRequest } from '../../../src/core/messages.ts'
import type { Events } from '../events.ts'
import { type AccountTruth, accountKey } from './model.ts'

/** What became of an account in a round. Micro-tokens. */
export interface AccountSeen {
  /** Asked of the edges, and admitted there. */
  readonly askedTokens: number
  readonly admittedTokens: number
  /** Demand the node was told of, perhaps late. */
  readonly toldTokens: number
  /** What the node gave it, leases for later included. */
  readonly grantedTokens: number
  /** What the node gave it or kept for it. */
  readonly givenTokens: number
}

/** A round of the ledger, with what became of every account that is asked for. */
export interface SeenRound {
  readonly fromMs: number
  readonly toMs: number
  readonly accounts: ReadonlyMap<string, AccountSeen>
  /** What a restart still kept from being lent when the round began, micro-tokens. */
  readonly deficitTokens: number
}

type Sums = Pick<AccountTruth, 'askedTokens' | 'admittedTokens'>
type Given = Pick<AccountSeen, 'grantedTokens' | 'givenTokens'>
const NOTHING: Given = { grantedTokens: 0, givenTokens: 0 }

/** Notes every round that ends at the node. */
export class RoundLog {
  /** Oldest first. */
  readonly rounds: SeenRound[] = []
  readonly #events: Events
  readonly #truth: ReadonlyMap<string, AccountTruth>
  #fromMs = 0
  #before: ReadonlyMap<string, Sums> = new Map()
  #told = new Map<string, number>()
  #deficitTokens = 0
  /** Largest demand each session has told. */
  readonly #demands = new Map<string, number>()

  constructor(events: Events, truth: ReadonlyMap<string, AccountTruth>) {
    this.#events = events
    this.#truth = truth
  }

  /** The node has started anew: what its last life may have granted is absorbed round by round. */
  onBoot({ poolTokens, roundTokens }: Ledger): void {
    this.#deficitTokens = poolTokens < 0 ? roundTokens - poolTokens : 0
    this.#begin(new Map())
  }

  /** Handles a message; if a new round has begun with it, the last one is noted. */
  onHandled(ledger: Ledger, request: LeaseRequest, handle: () => LeaseReply): LeaseReply {
    const { roundNumber } = ledger
    const told = this.#hear(request)
    addTo(this.#told, told)
    const given = givenBy(ledger)
    const reply = handle()
    if (ledger.roundNumber === roundNumber) return reply
    const round = this.#round(given)
    this.rounds.push(round)
    this.#deficitTokens = deficitAfter(round, ledger)
    this.#begin(told)
    return reply
  }

  /** The round that still runs, as far as it has come. */
  running(ledger: Ledger): SeenRound {
    return this.#round(givenBy(ledger))
  }

  #begin(told: Map<string, number>): void {
    this.#fromMs = this.#events.nowMs
    this.#told = told
    this.#before = new Map(
      Array.from(this.#truth, ([key, { askedTokens, admittedTokens }]) => {
        return [key, { askedTokens, admittedTokens }]
      }),
    )
  }

  /** What a message says was asked since the last one that arrived. */
  #hear({ accounts }: LeaseRequest): Map<string, number> {
    const told = new Map<string, number>()
    for (const { tenant, device, session, demand } of accounts) {
      const before = this.#demands.get(session) ?? 0
      if (session === '' || demand <= before) continue
      this.#demands.set(session, demand)
      told.set(accountKey(tenant, device), demand - before)
    }
    return told
  }

  #round(given: ReadonlyMap<string, Given>): SeenRound {
    const accounts = new Map<string, AccountSeen>()
    for (const [key, now] of this.#truth) {
      const before = this.#before.get(key)
      accounts.set(key, {
        askedTokens: now.askedTokens - (before?.askedTokens ?? 0),
        admittedTokens: now.admittedTokens - (before?.admittedTokens ?? 0),
        toldTokens: this.#told.get(key) ?? 0,
        ...(given.get(key) ?? NOTHING),
      })
    }
    const deficitTokens = this.#deficitTokens
    return { fromMs: this.#fromMs, toMs: this.#events.nowMs, accounts, deficitTokens }
  }
}

/** Micro-tokens admitted in a round. */
export function handedOut({ accounts }: SeenRound): number {
  let sum = 0
  for (const { admittedTokens } of accounts.values()) sum += admittedTokens
  return sum
}

/** What a restart keeps from being lent beyond a round: what the round had left pays it, and the ledger must agree. */
function deficitAfter(round: SeenRound, { root, roundTokens }: Ledger): number {
  const paid = Math.max(0, roundTokens - handedOut(round))
  const missing = roundTokens - (root.balanceTokens + root.grantedTokens)
  return Math.max(0, Math.min(round.deficitTokens - paid, missing))
}

function addTo(sums: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [key, tokens] of more) sums.set(key, (sums.get(key) ?? 0) + tokens)
}

/** By account: what it has been allotted this round, or more if it was granted more. */
function givenBy({ accounts }: Ledger): ReadonlyMap<string, Given> {
  const given = ({ allottedTokens, grantedTokens }: Account) => ({
    grantedTokens,
    givenTokens: Math.max(allottedTokens, grantedTokens),
  })
  return new Map(
    Array.from(accounts.values()).flatMap((tenant) => [
      [tenant.name, given(tenant)] as const,
      ...tenant.children.map((device) => [accountKey(tenant.name, device.name), given(device)] as const),
    ]),
  )
}
