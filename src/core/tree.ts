import { Account } from './account.ts'
import { type AccountSettings, checkSettings } from './settings.ts'

/** Opens an account below `parent`. @throws LedgerSettingsError when the settings cannot be kept. */
export function attach(name: string, parent: Account, settings: AccountSettings, nowMs: number): Account {
  checkSettings(parent, undefined, settings)
  const account = new Account(name, parent)
  account.startTokens = Math.min(settings.baseTokens, unspentBase(parent))
  account.configure(settings)
  account.levelAtMs = nowMs
  parent.children.push(account)
  refreshHolds(account)
  return account
}

/**
 * Changes an account's settings while the round runs. A lower base takes its tokens at once; a higher one
 * gives them at once as far as no base spent them this round, the rest with the next round.
 *
 * @throws LedgerSettingsError when the settings cannot be kept; nothing was changed.
 */
export function reconfigure(account: Account, settings: AccountSettings): void {
  const parent = account.parent!
  checkSettings(parent, account, settings)
  const delta = settings.baseTokens - account.baseTokens
  const spent = account.ownSpentTokens
  account.startTokens += Math.min(delta, unspentBase(parent))
  parent.vacatedTokens += Math.max(0, spent - account.ownSpentTokens)
  account.configure(settings)
  refreshHolds(account)
}

/** Takes an account and its devices out; what it spent stays spent. */
export function detach(account: Account): void {
  const parent = account.parent!
  parent.children.splice(parent.children.indexOf(account), 1)
  parent.childrenBaseTokens -= account.baseTokens
  parent.heldTokens -= account.holdTokens
  parent.heldDueTokens -= account.holdDueTokens
  parent.vacatedTokens += account.ownSpentTokens
  if (account.active) parent.activeWeight -= account.weight
  refreshHolds(parent)
  account.leaveRow()
}

/**
 * What no child's base has spent or may still spend this round. Only so much can be given to a new or
 * raised base before the next round: otherwise closing and opening accounts would mint tokens.
 */
function unspentBase(parent: Account): number {
  let left = parent.baseTokens - parent.childrenBaseTokens - parent.vacatedTokens
  if (parent.parent !== undefined) {
    let promised = 0
    for (const child of parent.children) promised += child.ownTokens
    left = Math.min(left, parent.ownTokens - promised)
  }
  return Math.max(0, left)
}

function refreshHolds(account: Account): void {
  for (let a: Account | undefined = account; a !== undefined; a = a.parent) a.updateHold()
}
