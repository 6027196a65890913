/** A set of IP addresses, compared as bits. IPv4-mapped IPv6 addresses are IPv4 addresses. */
export class AddressSet {
  readonly #v4: readonly Range[]
  readonly #v6: readonly Range[]

  /** @param ranges addresses and prefixes, such as `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32` */
  constructor(ranges: readonly string[]) {
    const parsed = ranges.map(parseRange).filter((range) => range !== undefined)
    this.#v4 = merge(parsed.filter(({ low }) => low.length === V4_DIGITS))
    this.#v6 = merge(parsed.filter(({ low }) => low.length === V6_DIGITS))
  }

  /** Whether an address is in the set; false for what is no address. */
  has(address: string): boolean {
    const bits = parseAddress(address)
    return bits !== undefined && contains(bits.length === V4_DIGITS ? this.#v4 : this.#v6, bits)
  }
}

/** First and last address, as hexadecimal digits of fixed length: text order is numeric order. */
interface Range {
  readonly low: string
  readonly high: string
}

const V4_DIGITS = 8
const V6_DIGITS = 32
const MAPPED = '00000000000000000000ffff'

/** The bits of an address as hexadecimal digits, 8 for IPv4 and 32 for IPv6; undefined for anything else. */
export function parseAddress(text: string): string | undefined {
  const digits = text.includes(':') ? parseV6(text) : parseV4(text)
  return digits?.startsWith(MAPPED) && digits.length === V6_DIGITS ? digits.slice(MAPPED.length) : digits
}

function parseV4(text: string): string | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let digits = ''
  for (const part of parts) {
    // No leading zeros: some readers take them for octal.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    digits += Number(part).toString(16).padStart(2, '0')
  }
  return digits
}

function parseV6(text: string): string | undefined {
  const halves = text.toLowerCase().split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(hextets)
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  if (tail === undefined) return head.length === V6_DIGITS ? head : undefined
  const missing = V6_DIGITS - head.length - tail.length
  return missing < 4 ? undefined : head + '0'.repeat(missing) + tail
}

function hextets(text: string): string | undefined {
  if (text === '') return ''
  let digits = ''
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    const v4 = i === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined
    if (v4 === undefined && !/^[0-9a-f]{1,4}$/.test(part)) return undefined
    digits += v4 ?? part.padStart(4, '0')
  }
  return digits.length > V6_DIGITS ? undefined : digits
}

function parseRange(text: string): Range | undefined {
  const [address = '', length] = text.split('/')
  const digits = parseAddress(address)
  if (digits === undefined) return undefined
  const folded = digits.length === V4_DIGITS && address.includes(':')
  const bits = digits.length * 4
  const prefix = length === undefined ? bits : Number(length) - (folded ? 96 : 0)
  // A prefix that is wider than the mapped block is a matter of IPv6 alone.
  if (prefix < 0) return spread(MAPPED + digits, Number(length))
  return spread(digits, prefix)
}

function spread(digits: string, prefix: number): Range {
  const bits = digits.length * 4
  const host = (1n << BigInt(bits - prefix)) - 1n
  const value = BigInt(`0x${digits}`)
  const text = (it: bigint) => it.toString(16).padStart(digits.length, '0')
  return { low: text(value & ~host), high: text(value | host) }
}

function merge(ranges: Range[]): readonly Range[] {
  ranges.sort((a, b) => (a.low < b.low ? -1 : 1))
  const merged: Range[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last === undefined || range.low > last.high) merged.push(range)
    else if (range.high > last.high) merged[merged.length - 1] = { low: last.low, high: range.high }
  }
  return merged
}

function contains(ranges: readonly Range[], bits: string): boolean {
  let [from, to] = [0, ranges.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (ranges[middle]!.high < bits) from = middle + 1
    else to = middle
  }
  return from < ranges.length && ranges[from]!.low <= bits
}
