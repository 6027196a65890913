import type { Dice } from '../faults/plan.ts'

/** Something that happens to the world at a moment: a fault, or what an operator asks for. */
export type PlannedEvent = { readonly atMs: number } & (
  | { readonly kind: 'message'; readonly how: 'lose' | 'repeat' | 'delay' }
  | { readonly kind: 'edgeCrash'; readonly edge: number; readonly downMs: number }
  | {
      readonly kind: 'nodeCrash'
      readonly node: string
      readonly downMs: number
      readonly duringWrite: boolean
    }
  /** The node starts anew elsewhere while the old object lives on and is still sent messages. */
  | { readonly kind: 'staleTwin'; readonly node: string; readonly lastsMs: number }
  | { readonly kind: 'coordinatorCrash'; readonly downMs: number; readonly duringWrite: boolean }
  | { readonly kind: 'edgeClock'; readonly edge: number; readonly stepMs: number }
  | { readonly kind: 'nodeClock'; readonly node: string; readonly stepMs: number }
  | { readonly kind: 'coordinatorClock'; readonly stepMs: number }
  /** A party (or two of them, `a|b`; or, without a name, everybody) is not heard by the others. */
  | { readonly kind: 'cut'; readonly end?: string; readonly lastsMs: number }
  | { readonly kind: 'move'; readonly tenant: number; readonly to: number; readonly abortAfterMs?: number }
  /** To the node it last came from. */
  | { readonly kind: 'moveBack'; readonly tenant: number }
  | { readonly kind: 'drain'; readonly node: string; readonly lastsMs: number }
  | { readonly kind: 'settings'; readonly tenant: number; readonly factor: number }
)

interface Names {
  readonly nodes: readonly string[]
  readonly tenants: readonly string[]
  readonly edges: number
}

interface Span {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
/** Moves asked for in a time without faults, and in one with. */
const CALM_MOVES = 3
const FAULTY_MOVES = 9
/** A node is away for so many rounds, long enough for others to take its tenants over. */
const AWAY_ROUNDS = 8

/** Draws all that happens. */
export function eventsOf(
  dice: Dice,
  names: Names,
  times: { readonly calm: readonly Span[]; readonly windows: readonly Span[]; readonly roundMs: number },
): PlannedEvent[] {
  const events: PlannedEvent[] = []
  for (const span of times.calm) {
    for (let i = 0; i < CALM_MOVES; i++) events.push(...movesWithin(dice, names, span, 0))
  }
  for (const [i, span] of times.windows.entries()) {
    for (let n = 0; n < FAULTY_MOVES; n++) events.push(...movesWithin(dice, names, span, 0.3))
    events.push(...faultsOf(dice, names, span, times.roundMs, i))
  }
  return events.sort((a, b) => a.atMs - b.atMs)
}

/** A move, at times with a second one right behind, at times to be aborted soon. */
function movesWithin(dice: Dice, names: Names, { fromMs, toMs }: Span, aborts: number): PlannedEvent[] {
  const atMs = Math.floor(fromMs + dice.upTo(toMs - fromMs))
  const tenant = dice.int(0, names.tenants.length - 1)
  const to = dice.int(0, names.nodes.length - 1)
  const abort = dice.roll(aborts) ? { abortAfterMs: dice.upTo(120) } : {}
  const moves: PlannedEvent[] = [{ atMs, kind: 'move', tenant, to, ...abort }]
  const behindMs = dice.upTo(400)
  const backMs = 1_500 + dice.upTo(2_000)
  if (dice.roll(0.4)) {
    moves.push({
      atMs: Math.min(atMs + behindMs, toMs),
      kind: 'move',
      tenant,
      to: dice.int(0, names.nodes.length - 1),
    })
  }
  if (dice.roll(0.5)) moves.push({ atMs: Math.min(atMs + backMs, toMs), kind: 'moveBack', tenant })
  return moves
}

function faultsOf(dice: Dice, names: Names, span: Span, roundMs: number, window: number): PlannedEvent[] {
  const { fromMs, toMs } = span
  const rounds = (toMs - fromMs) / roundMs
  /** A moment of the window, and not so late that what lasts for rounds outlasts it. */
  const at = (lastsRounds = 0) => Math.floor(fromMs + dice.upTo(rounds - lastsRounds) * roundMs)
  const node = () => dice.of(names.nodes)
  const edge = () => dice.int(0, names.edges - 1)
  const step = () => dice.of([HOUR_MS, -HOUR_MS, 2_000, -2_000])
  const awayMs = (AWAY_ROUNDS + dice.upTo(3)) * roundMs
  const events: PlannedEvent[] = [
    { atMs: at(), kind: 'message', how: 'lose' },
    { atMs: at(), kind: 'message', how: 'repeat' },
    { atMs: at(), kind: 'message', how: 'delay' },
    { atMs: at(2), kind: 'edgeCrash', edge: edge(), downMs: dice.upTo(2 * roundMs) },
    {
      atMs: at(3),
      kind: 'nodeCrash',
      node: node(),
      downMs: dice.upTo(2 * roundMs),
      duringWrite: dice.roll(0.5),
    },
    { atMs: at(3), kind: 'coordinatorCrash', downMs: dice.upTo(2 * roundMs), duringWrite: dice.roll(0.7) },
    { atMs: at(3), kind: 'cut', end: `edge ${edge()}`, lastsMs: (1 + dice.upTo(2)) * roundMs },
    { atMs: at(3), kind: 'cut', end: pairOf(node(), node()), lastsMs: (1 + dice.upTo(2)) * roundMs },
    {
      atMs: at(),
      kind: 'settings',
      tenant: dice.int(0, names.tenants.length - 1),
      factor: 0.6 + dice.upTo(0.4),
    },
    { atMs: at(), kind: 'nodeClock', node: node(), stepMs: step() },
    { atMs: at(), kind: 'edgeClock', edge: edge(), stepMs: step() },
    { atMs: at(), kind: 'coordinatorClock', stepMs: step() },
  ]
  if (dice.roll(0.4))
    events.push({ atMs: at(3), kind: 'staleTwin', node: node(), lastsMs: dice.upTo(3 * roundMs) })
  if (dice.roll(0.5)) events.push({ atMs: at(2), kind: 'cut', lastsMs: (1 + dice.upTo(1)) * roundMs })
  if (dice.roll(0.5)) {
    events.push({
      atMs: at(2),
      kind: 'nodeCrash',
      node: node(),
      downMs: dice.upTo(roundMs),
      duringWrite: true,
    })
  }
  if (dice.roll(0.5)) {
    events.push({ atMs: at(2), kind: 'coordinatorCrash', downMs: dice.upTo(roundMs), duringWrite: true })
  }
  if (dice.roll(0.6)) events.push({ atMs: at(6), kind: 'drain', node: node(), lastsMs: 6 * roundMs })
  events.push(...awayOf(dice, names, at(AWAY_ROUNDS + 3), awayMs, window))
  return events
}

/**
 * A node falls silent for so long that its tenants are taken over: it is gone, or the coordinator cannot hear
 * it. At times it was just about to hand them to others.
 */
function awayOf(dice: Dice, names: Names, atMs: number, awayMs: number, window: number): PlannedEvent[] {
  const node = dice.of(names.nodes)
  const drain: PlannedEvent = { atMs: atMs - dice.upTo(80), kind: 'drain', node, lastsMs: 2 * awayMs }
  const before = dice.roll(0.6) ? [drain] : []
  if (window === 0 ? dice.roll(0.5) : dice.roll(0.7)) {
    const end = dice.roll(0.7) ? pairOf(node, 'coordinator') : node
    return [...before, { atMs, kind: 'cut', end, lastsMs: awayMs }]
  }
  return [...before, { atMs, kind: 'nodeCrash', node, downMs: awayMs, duringWrite: dice.roll(0.5) }]
}

/** Names a way between two parties, whichever sends. */
export function pairOf(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}
