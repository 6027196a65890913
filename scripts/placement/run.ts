import type { Catalogue } from './catalogue.ts'
import { FIRST_EVENT_S, HORIZON_S, STEP_S } from './catalogue.ts'
import type { Datacentre, Migration } from './datacentre.ts'
import { placeInitially } from './initial.ts'

/** Decides, every 300 s, which machines to move; called once the hosts have been read. */
export interface Policy {
  readonly initial: 'first-fit' | 'best-fit'
  readonly decide: (dc: Datacentre) => Migration[]
}

/** Called after each frame of energy. */
export type FrameHook = (dc: Datacentre) => void

/** Runs one day of a data centre under a policy. The results are in `dc.account`. */
export function runDay(dc: Datacentre, catalogue: Catalogue, policy: Policy, onFrame?: FrameHook): void {
  const honest = dc.options.accounting === 'honest'
  placeInitially(dc, catalogue, policy.initial)
  if (honest) dc.observe(0)
  const advance = (at: number) => {
    dc.advance(at)
    onFrame?.(dc)
  }
  for (let at = FIRST_EVENT_S; at < HORIZON_S; at += STEP_S) {
    advance(at)
    const pending = policy.decide(dc).map((move) => ({ move, endsAt: dc.begin(move) }))
    pending.sort((a, b) => a.endsAt - b.endsAt)
    for (let first = 0; first < pending.length; ) {
      const { endsAt } = pending[first]!
      advance(endsAt)
      while (first < pending.length && pending[first]!.endsAt === endsAt) dc.finish(pending[first++]!.move)
      dc.observe(endsAt)
    }
  }
  if (honest) advance(HORIZON_S)
}
