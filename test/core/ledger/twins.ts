import type { Account } from '../../../src/core/account.ts'
import { PLAIN } from '../../../src/core/account-rows.ts'
import { same } from './check.ts'
import { allAccounts } from './oracle.ts'
import type { AccountPlan, Step, WorldPlan } from './plans.ts'
import { type LedgerClass, World } from './world.ts'

/** A ceiling that no sum of a history reaches, as a share of the round: with it no spend is plain. */
const NEVER_BINDS = 1e9

/**
 * One history in two worlds: in the second every account has a ceiling that never binds, and so each of its spends
 * goes the general way. They must decide and book the same, step by step.
 */
export class Twins {
  readonly #plain: World
  readonly #general: World
  /** How often an account was seen whose next spend may be plain. */
  plainSeen = 0

  constructor(ledgerClass: LedgerClass, plan: WorldPlan) {
    const tenants = (headroom: number | undefined) => plan.tenants.map((tenant) => under(tenant, headroom))
    this.#plain = new World(ledgerClass, { ...plan, tenants: tenants(undefined) })
    this.#general = new World(ledgerClass, { ...plan, tenants: tenants(NEVER_BINDS) })
  }

  play(step: Step): void {
    this.#plain.play(underStep(step, undefined))
    this.#general.play(underStep(step, NEVER_BINDS))
    same(seenOf(this.#plain), seenOf(this.#general))
    for (const account of allAccounts(this.#plain.root)) if (plainCost(account) > 0) this.plainSeen++
    for (const account of allAccounts(this.#general.root)) same(plainCost(account), 0)
  }
}

function under(plan: AccountPlan, headroom: number | undefined): AccountPlan {
  return { ...plan, headroom, devices: plan.devices.map((device) => under(device, headroom)) }
}

function underStep(step: Step, headroom: number | undefined): Step {
  return 'plan' in step ? { ...step, plan: under(step.plan, headroom) } : step
}

function plainCost({ rows, row }: Account): number {
  return rows.numbers[row + PLAIN]!
}

/** Everything that can be seen of a world, but the ceilings. */
function seenOf({ ledger, tally }: World): string {
  const { poolTokens, roundNumber, roundStartedAtMs, roundTokens, root } = ledger
  const accounts = [root, ...allAccounts(root)].map((account) => {
    const { parent, children, rows, ceilingTokens, levelTokenMs, levelAtMs, ...own } = account
    const { startTokens, grantedTokens, allottedTokens, holdTokens, heldTokens, unmetTokens, spentTotal } =
      account
    return {
      own,
      startTokens,
      grantedTokens,
      allottedTokens,
      holdTokens,
      heldTokens,
      unmetTokens,
      spentTotal,
    }
  })
  return JSON.stringify({ tally, poolTokens, roundNumber, roundStartedAtMs, roundTokens, accounts })
}
