import { useEffect, useState } from 'preact/hooks'
import { Borrowing } from './borrowing.tsx'
import { Charts } from './charts.tsx'
import { Devices } from './devices.tsx'
import { Events } from './events.tsx'
import { amount } from './format.ts'
import type { Live } from './live.ts'
import { Machines } from './machines.tsx'
import { Migrations } from './migrations.tsx'
import { Plans } from './plans.tsx'
import { knownPaths } from './session.ts'
import { Tenants } from './tenants.tsx'
import { Traffic } from './traffic.tsx'

/** Everything somebody who is signed in sees. */
export function Board({ live, onSignOut }: { live: Live; onSignOut: () => void }) {
  const [paths, setPaths] = useState<ReadonlySet<string>>(new Set())
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  useEffect(() => {
    knownPaths().then(setPaths, () => {})
  }, [])
  const { welcome } = live
  const waiting = live.tenants.size === 0 && live.nodes.size === 0 && live.revision === 0
  const operator = welcome !== undefined && welcome.tenant === null
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="top">
        <img src="/_stint/icon.svg" alt="" width="28" height="28" />
        <h1>Stint</h1>
        <Link live={live} />
        <span class="who">{welcome === undefined ? '' : (welcome.tenant ?? welcome.actor)}</span>
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </header>
      <main id="main" aria-busy={waiting && live.state !== 'live'}>
        {waiting && live.state !== 'live' ? (
          <Waiting live={live} />
        ) : (
          <>
            <Figures live={live} operator={operator} />
            <div class="column">
              {operator && <Machines live={live} canWrite={welcome.canWrite} />}
              <Charts live={live} chosen={chosen} />
              <Tenants live={live} chosen={chosen} onChoose={setChosen} />
              <Devices live={live} chosen={chosen} />
            </div>
            <div class="column">
              {welcome?.demo && <Traffic live={live} />}
              {operator && <Borrowing live={live} />}
              <Migrations live={live} offered={paths.has('/migrations')} />
              {operator && <Plans live={live} offered={paths.has('/plans')} canWrite={welcome.canWrite} />}
              <Events live={live} />
            </div>
          </>
        )}
      </main>
    </>
  )
}

function Waiting({ live }: { live: Live }) {
  return live.state === 'away' ? (
    <section class="panel notice" role="alert">
      <h2>No connection</h2>
      <p>{live.reason}. Trying again by itself.</p>
    </section>
  ) : (
    <section class="panel notice">
      <h2>Loading</h2>
      <p>Asking the machines for their first numbers.</p>
      <div class="skeleton" />
      <div class="skeleton" />
    </section>
  )
}

const SAID = {
  connecting: 'Connecting',
  live: 'Live',
  stale: 'Stale',
  away: 'Reconnecting',
  refused: 'Signed out',
} as const

function Link({ live }: { live: Live }) {
  const { state, ageSeconds } = live
  const age = state === 'stale' || (state === 'away' && ageSeconds > 0) ? `, ${ageSeconds} s old` : ''
  return (
    <span class={`link ${state}`}>
      <span class="dot" aria-hidden="true" />
      <span role="status">{SAID[state]}</span>
      {age}
    </span>
  )
}

function Figures({ live, operator }: { live: Live; operator: boolean }) {
  let [admitted, refused, borrowed, watts] = [0, 0, 0, 0]
  for (const rates of live.rates.values()) {
    admitted += rates.admitted
    refused += rates.refused
    borrowed += rates.borrowed
  }
  for (const node of live.nodes.values()) watts += node.watts ?? 0
  const negative = [...live.tenants.values()].filter(({ balance }) => balance < 0).length
  const figures: readonly (readonly [string, string, string])[] = [
    ['Admitted', amount(admitted), 'requests/s'],
    ['Refused', amount(refused), 'requests/s'],
    ['Borrowed', amount(borrowed), 'tokens/s'],
    ...(operator
      ? ([
          ['Below zero', amount(negative), `of ${amount(live.tenants.size + live.leftOut)} tenants`],
          ['Machines', amount(live.nodes.size), watts > 0 ? `${amount(watts)} W` : ''],
        ] as const)
      : []),
  ]
  return (
    <dl class="figures">
      {figures.map(([name, value, unit]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <b>{value}</b> <span>{unit}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}
