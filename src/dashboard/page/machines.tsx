import { useEffect, useState } from 'preact/hooks'
import type { FeedNode, FeedTenant } from '../../core/feed.ts'
import { Balance, scaleOf } from './balance.tsx'
import { amount, percent } from './format.ts'
import type { Live } from './live.ts'
import { ask } from './session.ts'

/** Cards shown before somebody asks for more, and tenants on a card. */
const FIRST_CARDS = 12
const MORE_CARDS = 48
const ON_CARD = 5

/** The nodes as machines, with the tenants that use them most. */
export function Machines({ live, canWrite }: { live: Live; canWrite: boolean }) {
  const [shown, setShown] = useState(FIRST_CARDS)
  const nodes = [...live.nodes.values()]
  const byNode = Map.groupBy(live.tenants.values(), ({ node = '' }) => node)
  return (
    <section class="panel" aria-labelledby="machines">
      <h2 id="machines">Machines</h2>
      {nodes.length === 0 && (
        <p class="empty">
          No nodes yet. Apply a manifest with a <code>kind: Node</code>:{' '}
          <code>stint apply -f nodes.yaml</code>
        </p>
      )}
      <ul class="machines">
        {nodes.slice(0, shown).map((node) => (
          <Machine key={node.name} node={node} tenants={byNode.get(node.name) ?? []} canWrite={canWrite} />
        ))}
      </ul>
      {nodes.length > shown && (
        <button type="button" onClick={() => setShown(shown + MORE_CARDS)}>
          Show more ({nodes.length - shown} left)
        </button>
      )}
    </section>
  )
}

function Machine({ node, tenants, canWrite }: { node: FeedNode; tenants: FeedTenant[]; canWrite: boolean }) {
  const busiest = [...tenants]
    .sort(
      (a, b) => a.balance - a.base - (b.balance - b.base) || b.base - a.base || (a.name < b.name ? -1 : 1),
    )
    .slice(0, ON_CARD)
  const scale = scaleOf(busiest)
  const load = (node.spent ?? 0) / Math.max(node.capacity, 1e-9)
  return (
    <li class="machine">
      <h3>
        {node.name}
        <span class={`phase ${node.reachable ? node.phase.toLowerCase() : 'failed'}`}>
          {node.reachable ? node.phase : 'No answer'}
        </span>
        {node.cordoned && <span class="phase marked">{node.draining ? 'Draining' : 'Cordoned'}</span>}
      </h3>
      <p class="facts">
        {node.zone !== undefined && <span>{node.zone}</span>}
        <span>
          {amount(node.spent ?? 0)} of {amount(node.capacity)} tokens/s
        </span>
        <span>{node.watts === null ? 'watts unknown' : `${amount(node.watts)} W`}</span>
      </p>
      <progress class="load" max={1} value={Math.min(1, load)} aria-label={`Load of ${node.name}`}>
        {percent(load)}
      </progress>
      <p class="facts">
        <span>{amount(node.reserved)} promised</span>
        <span>
          {amount(node.tenants)} {node.tenants === 1 ? 'tenant' : 'tenants'}
        </span>
      </p>
      <ul class="residents">
        {busiest.map((tenant) => (
          <li key={tenant.name}>
            <span class="name">{tenant.name}</span>
            <Balance tenant={tenant} scale={scale} />
          </li>
        ))}
        {tenants.length > ON_CARD && <li class="hint">and {amount(tenants.length - ON_CARD)} more</li>}
      </ul>
      {canWrite && <Marks node={node} />}
    </li>
  )
}

function Marks({ node }: { node: FeedNode }) {
  const [sure, setSure] = useState(false)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    if (!sure) return
    const timer = setTimeout(() => setSure(false), 5_000)
    return () => clearTimeout(timer)
  }, [sure])
  const mark = async (what: 'cordon' | 'uncordon' | 'drain') => {
    setSure(false)
    setBusy(true)
    try {
      await ask('POST', `/nodes/${encodeURIComponent(node.name)}/${what}`)
      setFault('')
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div class="marks">
      {node.cordoned ? (
        <button
          type="button"
          disabled={busy}
          onClick={() => mark('uncordon')}
          aria-label={`Uncordon ${node.name}`}
        >
          Uncordon
        </button>
      ) : (
        <button
          type="button"
          disabled={busy}
          onClick={() => mark('cordon')}
          aria-label={`Cordon ${node.name}`}
        >
          Cordon
        </button>
      )}
      {!node.draining && (
        <button
          type="button"
          disabled={busy}
          class={sure ? 'danger' : ''}
          onClick={() => (sure ? mark('drain') : setSure(true))}
          aria-label={sure ? `Yes, drain ${node.name}` : `Drain ${node.name}`}
        >
          {sure ? 'Yes, drain' : 'Drain'}
        </button>
      )}
      <span class="fault" role="alert">
        {fault}
      </span>
    </div>
  )
}
