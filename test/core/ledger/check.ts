/** Assertions for the inner loops of property tests, where `expect` would take most of the time. */
function check(holds: boolean, actual: unknown, relation: string, other: unknown): void {
  if (!holds) throw new Error(`${actual} is not ${relation} ${other}`)
}

export function same<T>(actual: T, expected: T): void {
  check(Object.is(actual, expected) || actual === expected, actual, 'the same as', expected)
}
export function atLeast(actual: number, least: number): void {
  check(actual >= least, actual, 'at least', least)
}
export function atMost(actual: number, most: number): void {
  check(actual <= most, actual, 'at most', most)
}
export function below(actual: number, bound: number): void {
  check(actual < bound, actual, 'below', bound)
}
export function above(actual: number, bound: number): void {
  check(actual > bound, actual, 'above', bound)
}
