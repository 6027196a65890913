/** What an account brings to the sharing of a round, in tokens per round; children share what it gets. */
export interface Sharer {
  readonly base: number
  readonly demand: number
  readonly weight: number
  readonly priority: number
  readonly ceiling: number
  readonly lendable: number
  readonly borrows: boolean
  readonly devices: readonly Sharer[]
}

/**
 * Weighted max-min shares by priority, found by bisection on the water level: everybody has its own tokens
 * first, idle ones go to those that want more, one priority after the other. Devices share top-down.
 *
 * @returns the shares of the leaves, in order.
 */
export function maxMinShares(total: number, sharers: readonly Sharer[]): number[] {
  const shares = sharers.map((s) => Math.min(demandOf(s), s.base))
  let left = total
  sharers.forEach((s, i) => {
    left -= shares[i]! + unlent(s)
  })
  for (let priority = 0; priority <= 7; priority++) {
    const group = sharers.flatMap((s, i) => {
      const target = Math.min(demandOf(s), s.ceiling)
      return s.priority === priority && s.borrows && s.weight > 0 && target > shares[i]!
        ? [{ s, i, target }]
        : []
    })
    if (left <= 0 || group.length === 0) continue
    const rises = (level: number) =>
      group.map(({ s, i, target }) => Math.max(0, Math.min(target, level * s.weight) - shares[i]!))
    let low = 0
    let high = Math.max(...group.map(({ s, target }) => target / s.weight))
    for (let step = 0; step < 100; step++) {
      const middle = (low + high) / 2
      if (sum(rises(middle)) > left) high = middle
      else low = middle
    }
    const given = rises(low)
    group.forEach(({ i }, k) => {
      shares[i]! += given[k]!
    })
    left -= sum(given)
  }
  return sharers.flatMap((s, i) =>
    s.devices.length === 0 ? [shares[i]!] : maxMinShares(shares[i]!, s.devices),
  )
}

/** What an account can make use of; a tenant what its devices can, and what they do not lend. */
function demandOf(sharer: Sharer): number {
  if (sharer.devices.length === 0) return sharer.demand
  return sum(sharer.devices.map((device) => usable(device) + unlent(device)))
}

function usable(device: Sharer): number {
  return Math.min(device.demand, device.ceiling, device.borrows ? Number.POSITIVE_INFINITY : device.base)
}

/** Idle tokens of its own that nobody else may use. */
function unlent(sharer: Sharer): number {
  return (1 - sharer.lendable) * (sharer.base - Math.min(demandOf(sharer), sharer.base))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}
