import type { Account } from './account.ts'

/** Doubles in a row: 64 bytes, a line of the cache. Account number n has the row that begins at n · STRIDE. */
export const STRIDE = 8
/** The node's own row. */
export const ROOT = 0
const FIRST_ROWS = 16

// What lies where in a row. A spend from an account's own tokens needs the first six: of a large array they lie
// in one line of the cache, also where V8 lets it begin 16 bytes after one.
/** Balance at the start of the round. */
export const START = 0
/** Spent this round. */
export const GRANTED = 1
/** This round's fair allotment. */
export const ALLOTTED = 2
/** The account's part in what its parent's other children must leave. */
export const HOLD = 3
/** Up to which cost a spend is plain, see `spendPlain`; 0: none is. Written by `Account.updateHold` only. */
export const PLAIN = 4
/** Where the parent's row begins; nowhere for a closed account. */
export const PARENT = 5
/** Σ of the children's holds. */
export const HELD = 6

/**
 * The few numbers of a ledger's accounts that most spends touch, side by side: 100 000 accounts fit no cache, and
 * as fields of objects each number would be a place in memory of its own. Rows of closed accounts are used again.
 */
export class AccountRows {
  /** All rows. Replaced when it grows, so never kept. */
  numbers: Float64Array
  /** Whose the rows are; the first is the root's, which no number stands for. */
  readonly #owners: (Account | undefined)[] = [undefined]
  readonly #free: number[] = []

  constructor(numbers = new Float64Array(FIRST_ROWS * STRIDE)) {
    this.numbers = numbers
  }

  /** Gives an account below `parent` a row of zeros. @returns where it begins. */
  take(owner: Account, parent: Account): number {
    const number = this.#free.pop() ?? this.#owners.length
    const row = number * STRIDE
    if (row === this.numbers.length) {
      const { numbers } = this
      this.numbers = new Float64Array(2 * row)
      this.numbers.set(numbers)
    }
    this.#owners[number] = owner
    this.numbers[row + PARENT] = parent.row
    return row
  }

  /** Takes a row back. @returns rows of which the first and only one holds the same numbers, for who had it. */
  release(row: number): AccountRows {
    const numbers = this.numbers.slice(row, row + STRIDE)
    numbers[PARENT] = Number.NaN
    this.numbers.fill(0, row, row + STRIDE)
    const number = row / STRIDE
    this.#owners[number] = undefined
    this.#free.push(number)
    return new AccountRows(numbers)
  }

  /** The open account of a number. @throws RangeError when there is none. */
  owner(number: number): Account {
    const owner = this.#owners[number]
    if (owner === undefined) throw new RangeError(`no open account has the number ${number}`)
    return owner
  }
}
