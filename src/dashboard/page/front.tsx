import type { Alternative } from './plans.tsx'

const [WIDTH, HEIGHT, PAD] = [420, 200, 34]

/** The alternatives by two of their terms: those on the Pareto front are filled and joined. */
export function Front({ alternatives, chosen }: { alternatives: readonly Alternative[]; chosen: string }) {
  const terms = Object.keys(alternatives[0]?.terms ?? {})
  // The two terms in which the alternatives differ most say most about the choice.
  const [x, y] = terms
    .map((term) => ({ term, spread: spreadOf(alternatives.map((it) => it.terms[term] ?? 0)) }))
    .sort((a, b) => b.spread - a.spread)
    .map(({ term }) => term)
  if (x === undefined || y === undefined) return null
  const px = scale(
    alternatives.map((it) => it.terms[x] ?? 0),
    PAD,
    WIDTH - PAD,
  )
  const py = scale(
    alternatives.map((it) => it.terms[y] ?? 0),
    HEIGHT - PAD,
    PAD / 2,
  )
  const points = alternatives.map((it) => ({ ...it, x: px(it.terms[x] ?? 0), y: py(it.terms[y] ?? 0) }))
  const front = points.filter((it) => it.onFront).sort((a, b) => a.x - b.x)
  const said = `Pareto front by ${x} and ${y}: ${front.map(({ profile }) => profile).join(', ')}`
  return (
    <svg class="front" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={said}>
      <line x1={PAD} y1={HEIGHT - PAD} x2={WIDTH - PAD} y2={HEIGHT - PAD} />
      <line x1={PAD} y1={PAD / 2} x2={PAD} y2={HEIGHT - PAD} />
      <text x={WIDTH - PAD} y={HEIGHT - PAD + 18} text-anchor="end">
        {x} →
      </text>
      <text x={PAD - 6} y={PAD / 2 - 4}>
        ↑ {y}
      </text>
      <polyline points={front.map((it) => `${it.x},${it.y}`).join(' ')} />
      {points.map((it) => (
        <g key={it.profile} class={it.profile === chosen ? 'chosen' : ''}>
          <circle cx={it.x} cy={it.y} r={6} class={it.onFront ? 'on' : 'off'} />
          <text x={it.x + 9} y={it.y - 7} text-anchor={it.x > WIDTH / 2 ? 'end' : 'start'}>
            {it.profile}
          </text>
        </g>
      ))}
    </svg>
  )
}

function spreadOf(values: readonly number[]): number {
  const most = Math.max(...values)
  return most === 0 ? 0 : (most - Math.min(...values)) / Math.abs(most)
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return (value) =>
    most === least ? (from + to) / 2 : from + ((value - least) / (most - least)) * (to - from)
}
