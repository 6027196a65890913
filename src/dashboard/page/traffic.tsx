import { useEffect, useRef, useState } from 'preact/hooks'
import type { Live } from './live.ts'
import { ask } from './session.ts'

/** Bursts per second of a running load, and how many of them may be under way. */
const BURSTS = 4
const UNDER_WAY = 2
const SHOWN = 12

/** Load for tenants of the local demo, sent from the page's own machine while a switch is on. */
export function Traffic({ live }: { live: Live }) {
  const names = [...live.tenants.keys()].slice(0, SHOWN)
  return (
    <section class="panel" aria-labelledby="traffic">
      <h2 id="traffic">Traffic of the demo</h2>
      <p class="hint">
        Start a flood and watch it borrow; start the others and watch them get their base back.
      </p>
      <ul class="loads">
        {names.map((name) => (
          <Load key={name} tenant={name} />
        ))}
      </ul>
    </section>
  )
}

function Load({ tenant }: { tenant: string }) {
  const [rate, setRate] = useState(200)
  const [running, setRunning] = useState(false)
  const [fault, setFault] = useState('')
  const wanted = useRef(rate)
  wanted.current = rate
  useEffect(() => {
    if (!running) return
    let underWay = 0
    const burst = async () => {
      if (underWay >= UNDER_WAY) return
      underWay++
      try {
        const requests = Math.max(1, Math.round(wanted.current / BURSTS))
        await ask('POST', '/demo/load', { tenant, requests })
        setFault('')
      } catch (error) {
        setFault(error instanceof Error ? error.message : String(error))
      } finally {
        underWay--
      }
    }
    const timer = setInterval(burst, 1_000 / BURSTS)
    return () => clearInterval(timer)
  }, [running])
  return (
    <li>
      <label>
        <span class="name">{tenant}</span>
        <input
          type="range"
          min={20}
          max={1000}
          step={20}
          value={rate}
          onInput={(event) => setRate(Number(event.currentTarget.value))}
          aria-valuetext={`${rate} requests per second`}
        />
        <span class="number">{rate}/s</span>
      </label>
      <button
        type="button"
        class={running ? 'danger' : 'primary'}
        aria-label={`${running ? 'Stop' : 'Start'} the load on ${tenant}`}
        onClick={() => setRunning(!running)}
      >
        {running ? 'Stop' : 'Start'}
      </button>
      <span class="fault" role="alert">
        {fault}
      </span>
    </li>
  )
}
