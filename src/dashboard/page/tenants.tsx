import { useMemo, useState } from 'preact/hooks'
import { Balance, scaleOf } from './balance.tsx'
import { amount } from './format.ts'
import type { Live } from './live.ts'
import { Scroll } from './scroll.tsx'

/** Height of a row in CSS pixels, as in the style; rows drawn beyond what is seen; rows seen at most. */
const ROW = 40
const SPARE = 6
const VISIBLE = 14

const ORDERS = {
  name: 'Name',
  balance: 'Lowest balance',
  admitted: 'Admitted',
  refused: 'Refused',
} as const

type Order = keyof typeof ORDERS

interface Props {
  readonly live: Live
  readonly chosen: string | undefined
  onChoose(tenant: string | undefined): void
}

/** Every tenant; only the rows in sight are drawn. */
export function Tenants({ live, chosen, onChoose }: Props) {
  const [search, setSearch] = useState('')
  const [order, setOrder] = useState<Order>('name')
  const [top, setTop] = useState(0)
  const rows = useMemo(() => sorted(live, search, order), [live.version, search, order])
  const scale = scaleOf(live.tenants.values())
  const from = Math.max(0, Math.min(Math.floor(top / ROW) - SPARE, rows.length - VISIBLE))
  const drawn = rows.slice(from, from + VISIBLE + 2 * SPARE)
  return (
    <section class="panel" aria-labelledby="tenants">
      <h2 id="tenants">Tenants</h2>
      <div class="tools">
        <label>
          Find{' '}
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <label>
          Order{' '}
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
            {Object.entries(ORDERS).map(([key, name]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span class="hint">
          {amount(rows.length)} of {amount(live.tenants.size + live.leftOut)}
        </span>
      </div>
      {live.tenants.size === 0 ? (
        <p class="empty">
          No tenants yet. Apply a manifest with a <code>kind: Tenant</code>.
        </p>
      ) : (
        <Scroll name="Table of tenants" onScroll={setTop}>
          <table class="tenants" aria-rowcount={rows.length + 1}>
            <thead>
              <tr>
                <th scope="col">Tenant</th>
                <th scope="col" class="wide">
                  Machine
                </th>
                <th scope="col" class="bars">
                  Balance
                </th>
                <th scope="col">Admitted/s</th>
                <th scope="col">Refused/s</th>
                <th scope="col" class="wide">
                  Borrowed/s
                </th>
              </tr>
            </thead>
            <tbody>
              <Room rows={from} />
              {drawn.map(({ tenant, rates }, i) => (
                <tr
                  key={tenant.name}
                  aria-rowindex={from + i + 2}
                  class={tenant.name === chosen ? 'chosen' : ''}
                >
                  <th scope="row">
                    <button
                      type="button"
                      class="plain"
                      aria-pressed={tenant.name === chosen}
                      onClick={() => onChoose(tenant.name === chosen ? undefined : tenant.name)}
                    >
                      {tenant.name}
                    </button>
                  </th>
                  <td class="wide">{tenant.node ?? '–'}</td>
                  <td class="bars">
                    <Balance tenant={tenant} scale={scale} />
                  </td>
                  <td>{amount(rates.admitted)}</td>
                  <td class={rates.refused > 0 ? 'refused' : ''}>{amount(rates.refused)}</td>
                  <td class="wide">{amount(rates.borrowed)}</td>
                </tr>
              ))}
              <Room rows={rows.length - from - drawn.length} />
            </tbody>
          </table>
        </Scroll>
      )}
      {live.leftOut > 0 && (
        <p class="hint">{amount(live.leftOut)} more are left out; the API lists them all.</p>
      )}
    </section>
  )
}

/** The room of rows that are out of sight. */
function Room({ rows }: { rows: number }) {
  if (rows <= 0) return null
  return (
    <tr class="room">
      <td colSpan={6} style={{ height: `${rows * ROW}px` }} />
    </tr>
  )
}

function sorted(live: Live, search: string, order: Order) {
  const wanted = search.trim().toLowerCase()
  const rows = [...live.tenants.values()]
    .filter(({ name, node }) => wanted === '' || name.includes(wanted) || node === wanted)
    .map((tenant) => ({ tenant, rates: live.ratesOf(tenant.name) }))
  const byName = (a: (typeof rows)[number], b: (typeof rows)[number]) =>
    a.tenant.name < b.tenant.name ? -1 : 1
  if (order === 'name') return rows.sort(byName)
  if (order === 'balance') return rows.sort((a, b) => a.tenant.balance - b.tenant.balance || byName(a, b))
  return rows.sort((a, b) => b.rates[order] - a.rates[order] || byName(a, b))
}
