import type { ConfigAnswer, NodeConfig } from './control.ts'
import { LedgerSettingsError } from './ledger.ts'
import type { NodeLife } from './node-life.ts'
import { accountOf, fittedInto, perRound } from './placed.ts'
import type { Places } from './places.ts'

/**
 * Makes a running life as the configuration says: room is made first (bases that shrink), then used. What
 * does not fit is refused by name and changes nothing; an account that is not open yet is opened with the base
 * that is left, since its tenant lives here and nowhere else.
 *
 * @param places knows which tenants of the configuration live here; the others are on their way
 */
export function configure(life: NodeLife, config: NodeConfig, places: Places): ConfigAnswer['refused'] {
  const { roundMs } = config.spec
  const roundTokens = perRound(config.spec.capacity, roundMs)
  const wanted = new Map(places.mine(config).map((placed) => [placed.tenant, accountOf(placed, roundMs)]))
  if (roundTokens > life.ledger.roundTokens) life.resize(roundTokens)
  const growth = (tenant: string) =>
    wanted.get(tenant)!.settings.baseTokens - (life.ledger.accounts.get(tenant)?.baseTokens ?? 0)
  const refused: { tenant: string; reason: string }[] = []
  for (const tenant of [...wanted.keys()].sort((a, b) => growth(a) - growth(b))) {
    const account = wanted.get(tenant)!
    attempt(() => life.open(account), tenant, refused)
    if (!life.ledger.accounts.has(tenant)) life.open(fittedInto(account, places.freeTokens(tenant, life)))
  }
  if (roundTokens < life.ledger.roundTokens) attempt(() => life.resize(roundTokens), '', refused)
  return refused
}

function attempt(change: () => void, tenant: string, refused: { tenant: string; reason: string }[]): void {
  try {
    change()
  } catch (error) {
    if (!(error instanceof LedgerSettingsError)) throw error
    refused.push({ tenant, reason: error.message })
  }
}
