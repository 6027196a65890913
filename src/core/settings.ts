import type { Account } from './account.ts'
import { isMicro } from './amount.ts'

/** What the operator sets for an account. Amounts are integer micro-tokens per round. */
export interface AccountSettings {
  /** Guaranteed tokens per round, ≥ 0. */
  readonly baseTokens: number
  /** Share among borrowers of one priority, ≥ 0. Default: the base. */
  readonly weight?: number
  /** 0…7, 0 first. Orders who gets idle tokens, never who gets base tokens. Default 4. */
  readonly priority?: number
  /** Most tokens in a round's time, borrowed ones included, ≥ base. Default: none. */
  readonly ceilingTokens?: number
  /** Share of the base that others may use while it is idle, 0…1. Default 1. */
  readonly lendable?: number
  /** Whether it may borrow at all. Default true. */
  readonly borrows?: boolean
}

/** The priority of an account that names none. */
export const DEFAULT_PRIORITY = 4
/** The last priority served. */
const LAST_PRIORITY = 7

/** A setting that the ledger cannot keep; nothing was changed. */
export class LedgerSettingsError extends Error {
  override readonly name = 'LedgerSettingsError'
}

/**
 * Checks settings for `account` (undefined: one that is about to be opened) below `parent`.
 *
 * @throws LedgerSettingsError when a value is out of its range or the bases do not fit.
 */
export function checkSettings(
  parent: Account,
  account: Account | undefined,
  settings: AccountSettings,
): void {
  checkRanges(settings)
  const left = parent.baseTokens - parent.childrenBaseTokens + (account?.baseTokens ?? 0)
  if (settings.baseTokens > left) {
    throw new LedgerSettingsError(
      `base does not fit: ${left} micro-tokens a round are left, ${settings.baseTokens} wanted`,
    )
  }
  if (account !== undefined && account.childrenBaseTokens > settings.baseTokens) {
    throw new LedgerSettingsError('the devices’ bases add up to more than the new base')
  }
  if (settings.ceilingTokens !== undefined && settings.ceilingTokens < settings.baseTokens) {
    throw new LedgerSettingsError('the ceiling is below the base')
  }
}

function checkRanges(settings: AccountSettings): void {
  const { baseTokens, weight = 0, priority = DEFAULT_PRIORITY, ceilingTokens, lendable = 1 } = settings
  const wrong = (field: string, must: string, got: unknown) => {
    throw new LedgerSettingsError(`the ${field} must be ${must}, got ${got}`)
  }
  const amount = 'a whole number of micro-tokens from 0 to 2^53 − 1'
  if (!isMicro(baseTokens)) wrong('base', amount, baseTokens)
  if (!(weight >= 0 && weight <= Number.MAX_SAFE_INTEGER)) wrong('weight', 'from 0 to 2^53 − 1', weight)
  if (!(Number.isInteger(priority) && priority >= 0 && priority <= LAST_PRIORITY)) {
    wrong('priority', 'a whole number from 0 to 7', priority)
  }
  if (ceilingTokens !== undefined && !isMicro(ceilingTokens)) wrong('ceiling', amount, ceilingTokens)
  if (!(lendable >= 0 && lendable <= 1)) wrong('lendable share', 'from 0 to 1', lendable)
}
