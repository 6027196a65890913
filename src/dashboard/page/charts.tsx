import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { clock } from './format.ts'
import type { Live } from './live.ts'

/** Lines of one chart, and its height in CSS pixels. */
const LINES = 5
const HEIGHT = 190

/** Admitted and refused requests of the busiest tenants, or of the chosen one, over the last minutes. */
export function Charts({ live, chosen }: { live: Live; chosen: string | undefined }) {
  return (
    <section class="panel" aria-labelledby="requests">
      <h2 id="requests">Requests per second{chosen === undefined ? '' : ` of ${chosen}`}</h2>
      <div class="charts">
        <Chart live={live} of="admitted" title="Admitted" chosen={chosen} />
        <Chart live={live} of="refused" title="Refused" chosen={chosen} />
      </div>
    </section>
  )
}

interface ChartProps {
  readonly live: Live
  readonly of: 'admitted' | 'refused'
  readonly title: string
  readonly chosen: string | undefined
}

function Chart({ live, of, title, chosen }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<{ readonly names: string; readonly chart: uPlot } | undefined>(undefined)
  const names = chosen === undefined ? live.history.busiest(of, LINES).sort() : [chosen]
  const data: uPlot.AlignedData = [
    live.history.times(),
    ...names.map((name) => live.history.values(name, of)),
  ]
  useEffect(() => {
    const parent = place.current
    if (parent === null) return
    const key = names.join(' ')
    if (plot.current?.names !== key) {
      plot.current?.chart.destroy()
      plot.current = { names: key, chart: new uPlot(optionsOf(parent, names), data, parent) }
    } else plot.current.chart.setData(data)
  })
  useEffect(() => {
    const parent = place.current!
    const resized = new ResizeObserver(() => {
      plot.current?.chart.setSize({ width: Math.max(200, parent.clientWidth), height: HEIGHT })
    })
    resized.observe(parent)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const redraw = () => {
      plot.current?.chart.destroy()
      plot.current = undefined
    }
    scheme.addEventListener('change', redraw)
    return () => {
      resized.disconnect()
      scheme.removeEventListener('change', redraw)
      redraw()
    }
  }, [])
  const latest = names
    .map((name) => `${name} ${Math.round(live.history.values(name, of).at(-1) ?? 0)}`)
    .join(', ')
  return (
    <figure>
      <figcaption>
        <b>{title}</b>
        {names.map((name, i) => (
          <span key={name} class="key">
            <span class={`swatch line-${i}`} aria-hidden="true" />
            {name}
          </span>
        ))}
      </figcaption>
      <div
        ref={place}
        class="chart"
        role="img"
        aria-label={`${title} per second now: ${latest || 'nothing yet'}`}
      />
      {names.length === 0 && <p class="empty">Nothing was {of} in the last minutes.</p>}
    </figure>
  )
}

function optionsOf(parent: HTMLElement, names: readonly string[]): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: Math.max(200, parent.clientWidth),
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, space: 90, values: (_, times) => times.map((at) => clock(at * 1_000)) },
      { ...axis, size: 48 },
    ],
    series: [
      {},
      ...names.map((label, i) => ({
        label,
        stroke: colour(`--line-${i}`),
        width: 2,
        points: { show: false },
      })),
    ],
  }
}
