import { clock } from './format.ts'
import type { Live } from './live.ts'
import { usePolled } from './polled.ts'

/** A migration as the API tells of it. */
interface Migration {
  readonly id: string
  readonly tenant: string
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly phase: string
  readonly startedMs: number
  readonly endedMs?: number
  readonly steps: readonly { readonly phase: string; readonly atMs: number }[]
  readonly lastRefusal?: string
}

const SHOWN = 8

/** Tenants that move, step by step. */
export function Migrations({ live, offered }: { live: Live; offered: boolean }) {
  const { items, fault } = usePolled<Migration>(
    live,
    '/migrations?limit=20',
    offered,
    ({ endedMs }) => endedMs === undefined,
  )
  return (
    <section class="panel" aria-labelledby="migrations">
      <h2 id="migrations">Migrations</h2>
      {fault !== '' && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      {items === undefined || items.length === 0 ? (
        <p class="empty">
          {offered && items === undefined && fault === ''
            ? 'Loading …'
            : 'Nobody moves now. Those who do keep their traffic flowing.'}
        </p>
      ) : (
        <ul class="moves">
          {items.slice(0, SHOWN).map((move) => (
            <Move key={move.id} move={move} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Move({ move }: { move: Migration }) {
  const { tenant, from, to, phase, steps, startedMs, endedMs, reason, lastRefusal } = move
  const took = endedMs === undefined ? '' : ` in ${endedMs - startedMs} ms`
  return (
    <li class={endedMs === undefined ? 'open' : phase.toLowerCase()}>
      <p>
        <b>{tenant}</b> {from} → {to} <span class="phase">{phase}</span>
        <span class="hint">
          {' '}
          {clock(startedMs)}
          {took}, {reason}
        </span>
      </p>
      <ol class="steps">
        {steps.map((step, i) => (
          <li key={step.phase}>
            {step.phase}
            <span class="hint"> +{step.atMs - (steps[i - 1]?.atMs ?? startedMs)} ms</span>
          </li>
        ))}
      </ol>
      {lastRefusal !== undefined && <p class="hint">{lastRefusal}</p>}
    </li>
  )
}
