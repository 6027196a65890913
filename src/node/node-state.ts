import { toTokens } from '../core/amount.ts'
import type { AccountState, NodeConfig, NodeState } from '../core/control.ts'
import type { NodeLife } from '../core/node-life.ts'
import type { Desk } from '../core/session.ts'

/** A node as it sees itself now, for people and for the coordinator: in tokens, not micro-tokens. */
export function stateOf(life: NodeLife, config: NodeConfig): NodeState {
  const { ledger, sessions } = life
  const accounts: AccountState[] = []
  for (const tenant of sessions.tenants) {
    const epoch = sessions.epoch(tenant)
    accounts.push({ tenant, epoch, ...accountState(sessions.desk(tenant)!) })
    for (const device of sessions.devices(tenant)) {
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

function accountState({ account, usage, sessions }: Desk): Omit<AccountState, 'tenant' | 'device' | 'epoch'> {
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
