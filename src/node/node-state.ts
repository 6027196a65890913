import { toTokens } from '../core/amount.ts'
import type { AccountState, NodeConfig, NodeState } from '../core/control.ts'
import type { NodeLife } from '../core/node-life.ts'
import type { Desk } from '../core/session.ts'
import { noUsage } from '../core/usage.ts'

interface Counted extends Pick<Desk, 'account' | 'usage'> {
  readonly sessions: { readonly size: number }
}

const NONE = { size: 0 }

/** A node as it sees itself now, for people and for the coordinator: in tokens, not micro-tokens. */
export function stateOf(life: NodeLife, config: NodeConfig): NodeState {
  const { ledger, sessions } = life
  const accounts: AccountState[] = []
  for (const tenant of sessions.tenants) {
    const epoch = sessions.epoch(tenant)
    const devices = sessions.devices(tenant)
    const desk = sessions.desk(tenant)!
    // What names no device is counted at the default one where there is one: every count appears once.
    const counted = desk.account === sessions.account(tenant) ? desk : { usage: noUsage(), sessions: NONE }
    accounts.push({
      tenant,
      epoch,
      ...accountState({
        usage: counted.usage,
        sessions: counted.sessions,
        account: sessions.account(tenant)!,
      }),
    })
    for (const device of devices) {
      accounts.push({ tenant, device, epoch, ...accountState(sessions.desk(tenant, device)!) })
    }
  }
  return {
    node: config.node,
    life: life.epoch,
    generation: config.generation,
    capacity: config.spec.capacity,
    roundMs: ledger.roundMs,
    round: ledger.roundNumber,
    pool: toTokens(ledger.poolTokens),
    accounts,
  }
}

function accountState({
  account,
  usage,
  sessions,
}: Counted): Omit<AccountState, 'tenant' | 'device' | 'epoch'> {
  return {
    base: toTokens(account.baseTokens),
    balance: toTokens(account.balanceTokens),
    owed: toTokens(account.owedTokens),
    granted: toTokens(account.grantedTokens),
    wanted: toTokens(account.wantedTokens),
    borrowedTotal: toTokens(account.borrowedTotal),
    spentTotal: toTokens(account.spentTotal),
    refusedNow: account.refused,
    edges: sessions.size,
    usage: { ...usage, spent: toTokens(usage.spent), presumed: toTokens(usage.presumed) },
  }
}
