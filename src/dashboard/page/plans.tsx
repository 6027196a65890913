import { useEffect, useState } from 'preact/hooks'
import { amount, clock } from './format.ts'
import { Front } from './front.tsx'
import type { Live } from './live.ts'
import { usePolled } from './polled.ts'
import { Scroll } from './scroll.tsx'
import { ask } from './session.ts'

interface Summary {
  readonly id: number
  readonly atMs: number
  readonly profile: string
  readonly state: string
  readonly note: string
  readonly moves: number
  readonly scoreBefore: number
  readonly scoreAfter: number
}

/** One profile's own plan beside the others. */
export interface Alternative {
  readonly profile: string
  readonly terms: Readonly<Record<string, number>>
  readonly score: number
  readonly moves: number
  readonly wake: number
  readonly standby: number
  readonly onFront: boolean
}

interface Plan {
  readonly id: number
  readonly state: string
  readonly moves: readonly {
    readonly tenant: string
    readonly from?: string | null
    readonly to: string
    readonly state?: string
  }[]
  readonly wake: readonly string[]
  readonly standby: readonly string[]
  readonly distance: Readonly<Record<string, number | null>>
  readonly alternatives: readonly Alternative[]
  readonly frozen: string | null
}

interface Props {
  readonly live: Live
  readonly offered: boolean
  readonly canWrite: boolean
}

/** The plan on the table with what the other profiles would do; accept or reject it. */
export function Plans({ live, offered, canWrite }: Props) {
  const { items, fault, again } = usePolled<Summary>(live, '/plans?limit=10', offered, ({ state }) =>
    ['proposed', 'accepted', 'running'].includes(state),
  )
  const [refusal, setRefusal] = useState('')
  const planNow = async () => {
    try {
      await ask('POST', '/plans')
      setRefusal('')
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : String(error))
    }
    again()
  }
  const newest = items === undefined ? undefined : [...items].sort((a, b) => b.id - a.id)[0]
  return (
    <section class="panel" aria-labelledby="plans">
      <h2 id="plans">Plan on the table</h2>
      <p class="fault" role="alert">
        {fault || refusal}
      </p>
      {offered && canWrite && (
        <div class="marks">
          <button type="button" onClick={planNow}>
            Plan now
          </button>
        </div>
      )}
      {newest === undefined ? (
        <p class="empty">No plan yet: the planner looks at the load once a minute.</p>
      ) : (
        <PlanCard summary={newest} canWrite={canWrite} onChange={again} />
      )}
    </section>
  )
}

interface CardProps {
  readonly summary: Summary
  readonly canWrite: boolean
  onChange(): void
}

function PlanCard({ summary, canWrite, onChange }: CardProps) {
  const [plan, setPlan] = useState<Plan | undefined>(undefined)
  const [fault, setFault] = useState('')
  useEffect(() => {
    ask<Plan>('GET', `/plans/${summary.id}`).then(setPlan, () => setPlan(undefined))
  }, [summary.id, summary.state])
  const decide = async (verdict: 'accept' | 'reject') => {
    try {
      await ask('POST', `/plans/${summary.id}/${verdict}`)
      setFault('')
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
    }
    onChange()
  }
  return (
    <div class="plan">
      <p>
        <b>Plan {summary.id}</b> <span class="phase">{summary.state}</span>{' '}
        <span class="hint">
          {clock(summary.atMs)}, profile {summary.profile}, {summary.note}
        </span>
      </p>
      <p>
        {amount(summary.moves)} moves; score {summary.scoreBefore.toFixed(2)} now,{' '}
        {summary.scoreAfter.toFixed(2)} after (0 is the lower bound).
      </p>
      {plan?.frozen != null && <p class="hint">{plan.frozen}</p>}
      {plan !== undefined && (
        <>
          <Front alternatives={plan.alternatives} chosen={summary.profile} />
          <Profiles alternatives={plan.alternatives} chosen={summary.profile} />
          <ul class="hint">
            {plan.moves.slice(0, 8).map((move) => (
              <li key={move.tenant}>
                {move.tenant}: {move.from ?? 'nowhere'} → {move.to} {move.state ?? ''}
              </li>
            ))}
            {plan.wake.length > 0 && <li>wakes {plan.wake.join(', ')}</li>}
            {plan.standby.length > 0 && <li>puts to standby {plan.standby.join(', ')}</li>}
          </ul>
        </>
      )}
      {canWrite && summary.state === 'proposed' && (
        <div class="marks">
          <button type="button" class="primary" onClick={() => decide('accept')}>
            Accept plan {summary.id}
          </button>
          <button type="button" onClick={() => decide('reject')}>
            Reject
          </button>
        </div>
      )}
      <p class="fault" role="alert">
        {fault}
      </p>
    </div>
  )
}

function Profiles({ alternatives, chosen }: { alternatives: readonly Alternative[]; chosen: string }) {
  const terms = Object.keys(alternatives[0]?.terms ?? {})
  return (
    <Scroll name="What each profile would do">
      <table>
        <thead>
          <tr>
            <th scope="col">Profile</th>
            <th scope="col">Moves</th>
            {terms.map((term) => (
              <th key={term} scope="col">
                {term}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {alternatives.map((it) => (
            <tr key={it.profile} class={it.profile === chosen ? 'chosen' : ''}>
              <th scope="row">
                {it.profile}
                {it.onFront ? ' ◆' : ''}
              </th>
              <td>{it.moves}</td>
              {terms.map((term) => (
                <td key={term}>{amount(it.terms[term] ?? 0)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
