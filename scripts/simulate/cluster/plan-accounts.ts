import type { AccountSettings } from '../../../src/core/account.ts'
import { toMicro } from '../../../src/core/amount.ts'
import type { Dice, PlannedAccount } from '../faults/plan.ts'

/** Of the capacity of all nodes but one so much is promised, so that any one of them can be emptied. */
const PROMISED = 0.9

/** Draws the tenants of a run: some inside their shares, some that flood, one with devices. */
export function accountsOf(dice: Dice, nodes: number, nodeTokens: number, roundMs: number): PlannedAccount[] {
  let left = Math.floor(nodeTokens * (nodes - 1) * PROMISED)
  const accounts: PlannedAccount[] = []
  const patience = () => dice.of([0, 0, roundMs / 2, 2 * roundMs])
  const add = (tokens: number, account: (baseTokens: number) => PlannedAccount[]) => {
    if (tokens > left) return
    left -= tokens
    accounts.push(...account(toMicro(tokens)))
  }
  const inShare =
    (tenant: string) =>
    (baseTokens: number): PlannedAccount[] => [
      {
        tenant,
        settings: { baseTokens, lendable: dice.of([1, 1, 0.5]) },
        // The rest of a base as small as this may lie in the leases of other isolates. And it may be lowered to 0.6 of
        // this: then up to three quarters of it are asked for.
        demand: { kind: 'inShare', perRound: (baseTokens / 1_000_000) * (0.2 + dice.upTo(0.25)) },
        costs: [toMicro(1)],
        maxWaitMs: patience(),
      },
    ]
  const flood = (tenant: string, baseTokens: number, more: Partial<AccountSettings>): PlannedAccount => ({
    tenant,
    settings: { baseTokens, priority: dice.int(3, 5), ...more },
    demand: {
      kind: 'flood',
      perRound: (baseTokens / 1_000_000) * (0.5 + dice.upTo(2)),
      onRounds: dice.int(2, 12),
      offRounds: dice.int(1, 4),
    },
    costs: dice.of([[toMicro(1)], [toMicro(1), toMicro(0.25), toMicro(3)], [toMicro(2), toMicro(0.5)]]),
    maxWaitMs: patience(),
  })
  add(dice.int(18, 26), inShare('alpha'))
  add(dice.int(10, 16), (base) =>
    dice.roll(0.5)
      ? (['api', 'web'] as const).map((device) => ({ ...flood('delta', base / 2, {}), device }))
      : [flood('delta', base, { borrows: dice.roll(0.5) })],
  )
  add(dice.int(18, 26), inShare('beta'))
  add(dice.int(8, 14), (base) => [flood('capped', base, { ceilingTokens: 2 * base })])
  add(dice.int(18, 26), inShare('gamma'))
  add(dice.int(12, 20), (base) => [flood('hungry', base, {})])
  add(dice.int(18, 26), inShare('epsilon'))
  add(dice.int(8, 14), (base) => [flood('greedy', base, {})])
  return accounts
}
