import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Ledger } from '../../src/core/ledger.ts'
import { history, worldPlan } from './ledger/plans.ts'
import { Twins } from './ledger/twins.ts'
import { type LedgerClass, World } from './ledger/world.ts'

const CORE = fileURLToPath(new URL('../../src/core/', import.meta.url))
const MODULES = [
  'account',
  'account-rows',
  'amount',
  'booking',
  'ceiling',
  'fair-share',
  'ledger',
  'result',
  'round',
  'settings',
  'tree',
]
const RUNS = 1500
const SEED = 7

/** Random histories on both levels, everything allowed; some in two worlds. @throws Error when the books do not agree. */
function prove(ledgerClass: LedgerClass): void {
  for (const levels of [1, 2] as const) {
    const also = { changes: true, charges: true, clock: true, restarts: true }
    fc.assert(
      fc.property(worldPlan(levels), history(levels, also), (plan, steps) => {
        const world = new World(ledgerClass, plan)
        for (const step of steps) world.play(step)
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    )
    fc.assert(
      fc.property(worldPlan(levels), history(levels, { light: true }), (plan, steps) => {
        const twins = new Twins(ledgerClass, plan)
        for (const step of steps) twins.play(step)
      }),
      { numRuns: RUNS / 5, seed: SEED, endOnFailure: true },
    )
  }
}

/** Deliberately broken ledgers: what is written in the source, and what is written instead. */
const MUTANTS: readonly [what: string, module: string, from: string, to: string][] = [
  ['own debt is forgiven', 'round', 'account.baseTokens - account.owedTokens', 'account.baseTokens'],
  ['all of a surplus goes on', 'round', 'Math.min(spare, Math.floor(root.baseTokens / 4))', 'spare'],
  ['a deficit is forgiven', 'round', '(left < 0 ? deficit : surplusTokens)', 'surplusTokens'],
  ['a deficit is paid by its own round', 'round', '(end.untouched ? 0 : 1)', '0'],
  ['a restart is paid by a round that was spent', 'ledger', 'if (amount > 0) this.#untouched = false', ''],
  ['a pause hands its surplus on', 'round', 'end.paused ? 0 : Math.max(', 'Math.max('],
  ['rounds end early', 'ledger', 'this.#nowMs >= this.dueAtMs', 'this.#nowMs >= this.dueAtMs - 1'],
  [
    'a clock put back mints',
    'ledger',
    'this.#roundStartedAtMs -= backMs',
    'this.#roundStartedAtMs -= 2 * backMs',
  ],
  ['own tokens are refused', 'ledger', 'own === 0 && cost > 0 && !covered', 'cost > 0 && !covered'],
  ['others’ claims are lent', 'booking', '- account.ownTokens - held', '- account.ownTokens'],
  ['who may not borrow does', 'booking', 'if (!account.borrows) return 0', ''],
  [
    'only devices owe',
    'booking',
    'a.owedTokens += rest - covered',
    'if (a === account) a.owedTokens += rest - covered',
  ],
  ['refunds exceed what was spent', 'booking', 'back = Math.min(back, a.grantedTokens)', 'back += 0'],
  ['what is not lent is lent', 'account', 'if (due > hold) hold = due', ''],
  ['holds are not updated', 'account', 'this.holdDueTokens = due', ''],
  ['plain spends skip a ceiling', 'account', '&& this.ceilingTokens === Number.POSITIVE_INFINITY', ''],
  ['plain spends keep nothing back', 'account', 'this.reserved === 0 && due === 0', 'this.reserved < 2'],
  ['costs beyond the largest are plain', 'account', 'plain ? this.largestCost : 0', 'plain ? 1e9 : 0'],
  ['others’ tokens are plain', 'booking', 'numbers[at + START]! - numbers[at + GRANTED]! >= cost', 'true'],
  ['a plain spend keeps its claim', 'booking', 'numbers[at + HOLD] = hold', ''],
  ['a plain spend of a device spares its tenant', 'booking', 'at = parent', 'at = ROOT'],
  ['a plain spend is no activity', 'ledger', 'this.#lastSpentAtMs = nowMs\n', ''],
  ['a used row is not cleared', 'account-rows', 'this.numbers.fill(0, row, row + STRIDE)', ''],
  ['a closed account still asks', 'tree', 'if (account.active) parent.activeWeight -= account.weight', ''],
  ['a ceiling stops a sibling’s own tokens', 'ceiling', '(a === account || !own)', 'true'],
  [
    'ceilings do not hold',
    'ceiling',
    'account.levelTokenMs += amount * roundMs',
    'account.levelTokenMs += amount',
  ],
]

describe('the tests of the ledger catch a broken one', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ledger-mutants-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('the real one passes', () => {
    prove(Ledger)
  })

  test.each(MUTANTS)('%s', async (what, module, from, to) => {
    const copy = join(folder, String(MUTANTS.findIndex(([name]) => name === what)))
    for (const name of MODULES) cpSync(join(CORE, `${name}.ts`), join(copy, `${name}.ts`))
    const source = readFileSync(join(CORE, `${module}.ts`), 'utf8')
    expect(source.split(from), 'the text to break occurs once').toHaveLength(2)
    writeFileSync(join(copy, `${module}.ts`), source.replace(from, to))
    const broken = await import(/* @vite-ignore */ pathToFileURL(join(copy, 'ledger.ts')).href)
    expect(() => prove(broken.Ledger)).toThrow()
  })
})
