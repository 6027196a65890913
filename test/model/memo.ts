/**
 * Remembers results of pure functions by the identity of their arguments. The parts of a state are the
 * same objects whenever they are equal, so most steps of an exploration were computed before.
 */

/** A pure function of two objects, each pair computed once. */
export function memo<A extends object, B extends object, R>(compute: (a: A, b: B) => R): (a: A, b: B) => R {
  const results = new WeakMap<A, WeakMap<B, R>>()
  return (a, b) => {
    let row = results.get(a)
    if (row === undefined) {
      row = new WeakMap()
      results.set(a, row)
    }
    let result = row.get(b)
    if (result === undefined) {
      result = compute(a, b)
      row.set(b, result)
    }
    return result
  }
}
