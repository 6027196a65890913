import type { FeedTenant } from '../../core/feed.ts'
import { amount } from './format.ts'
import type { Live } from './live.ts'

/** Lenders and borrowers drawn by name on each side of a machine; the rest is summed up. */
const SIDE = 5
const WIDTH = 400
const BAND = 120
const NAME = 130
const GAP = 12

interface End {
  readonly name: string
  readonly tokens: number
}

/** Who borrows from whom now: idle tokens on the left, negative balances on the right, machine by machine. */
export function Borrowing({ live }: { live: Live }) {
  const byNode = Map.groupBy(live.tenants.values(), ({ node = '' }) => node)
  const flows = [...byNode].filter(
    ([node, tenants]) => node !== '' && tenants.some(({ balance }) => balance < 0),
  )
  return (
    <section class="panel" aria-labelledby="borrowing">
      <h2 id="borrowing">Borrowing now</h2>
      <p class="hint">
        A machine lends from what all its idle tenants leave. Each lender’s part is in proportion to what it
        has left.
      </p>
      {flows.length === 0 ? (
        <p class="empty">Nobody borrows: every tenant gets by on its own base.</p>
      ) : (
        <div class="flows">
          {flows.slice(0, 6).map(([node, tenants]) => (
            <Flow key={node} node={node} tenants={tenants} />
          ))}
        </div>
      )}
      {flows.length > 6 && <p class="hint">and on {flows.length - 6} more machines</p>}
    </section>
  )
}

function Flow({ node, tenants }: { node: string; tenants: readonly FeedTenant[] }) {
  const lenders = ends(
    tenants.filter(({ lent }) => lent > 0).map(({ name, lent }) => ({ name, tokens: lent })),
  )
  const borrowers = ends(
    tenants.filter(({ balance }) => balance < 0).map(({ name, balance }) => ({ name, tokens: -balance })),
  )
  const total = borrowers.reduce((sum, { tokens }) => sum + tokens, 0)
  const given = lenders.reduce((sum, { tokens }) => sum + tokens, 0)
  const rows = Math.max(lenders.length, borrowers.length, 1)
  const height = BAND + (rows - 1) * GAP
  const said = `On ${node}: ${borrowers.map((it) => `${it.name} borrows ${amount(it.tokens)}`).join(', ')}${
    lenders.length === 0
      ? ''
      : `; lent by ${lenders.map((it) => `${it.name} ${amount(it.tokens)}`).join(', ')}`
  }.`
  const left = stack(lenders, given)
  const right = stack(borrowers, total)
  return (
    <figure>
      <figcaption>{node}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={said}>
        {left.flatMap((from) =>
          right.map((to) => (
            <path key={`${from.name} ${to.name}`} class="flow" d={band(from, to, given, total)} />
          )),
        )}
        {left.map((end) => (
          <g key={end.name} class="lender">
            <rect x={NAME} y={end.y} width={6} height={Math.max(2, end.size)} />
            <text x={NAME - 8} y={end.y + end.size / 2} text-anchor="end">
              {cut(end.name)} {amount(end.tokens)}
            </text>
          </g>
        ))}
        {right.map((end) => (
          <g key={end.name} class="borrower">
            <rect x={WIDTH - NAME - 6} y={end.y} width={6} height={Math.max(2, end.size)} />
            <text x={WIDTH - NAME + 8} y={end.y + end.size / 2}>
              {cut(end.name)} −{amount(end.tokens)}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  )
}

function ends(all: End[]): End[] {
  all.sort((a, b) => b.tokens - a.tokens || (a.name < b.name ? -1 : 1))
  if (all.length <= SIDE) return all
  const rest = all.slice(SIDE - 1)
  const tokens = rest.reduce((sum, it) => sum + it.tokens, 0)
  return [...all.slice(0, SIDE - 1), { name: `${rest.length} others`, tokens }]
}

function stack(side: readonly End[], total: number) {
  let y = 0
  return side.map((end, index) => {
    const size = (end.tokens / total) * BAND
    const placed = { ...end, index, y, size }
    y += size + GAP
    return placed
  })
}

type Placed = ReturnType<typeof stack>[number]

/** The part of a lender that one borrower has: in proportion on both sides. */
function band(from: Placed, to: Placed, given: number, total: number): string {
  const height = (from.size * to.size) / BAND
  const y1 = from.y + (to.y - offsetOf(to)) * (from.size / BAND)
  const y2 = to.y + (from.y - offsetOf(from)) * (to.size / BAND)
  const [a, b, m] = [NAME + 6, WIDTH - NAME - 6, WIDTH / 2]
  if (given === 0 || total === 0) return ''
  return `M${a} ${y1} C${m} ${y1} ${m} ${y2} ${b} ${y2} L${b} ${y2 + height} C${m} ${y2 + height} ${m} ${y1 + height} ${a} ${y1 + height}Z`
}

/** The gaps above an end. */
function offsetOf({ index }: Placed): number {
  return index * GAP
}

function cut(name: string): string {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name
}
