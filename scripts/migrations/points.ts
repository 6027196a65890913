/** What the storage of a node holds of tenants: the places, and the accounts that are open. */
export interface NodeRows {
  readonly places: readonly {
    readonly tenant: string
    readonly role: 'staged' | 'active' | 'forwarding' | 'retired' | 'gone'
    readonly epoch: number
    /** Requests admitted by the account in the capsule; 0 without one. */
    readonly admitted: number
  }[]
  readonly accounts: readonly { readonly tenant: string; readonly admitted: number }[]
}

/** One tenant whose migration is held somewhere when everything is killed. */
export interface CrashCase {
  readonly tenant: string
  /** Of `design`'s list: P1 … P13. */
  readonly point: string
  readonly what: string
  /** `<` is before the message is sent or obeyed, `>` after it was, before the answer leaves or is read. */
  readonly holds: readonly string[]
  /** Whether an abort is asked for while it is held. */
  readonly abort?: true
  /** Whether it has moved once before, and the edge has not been told. */
  readonly second?: true
}

/** Where the steps of a case's migration are held; tenants are placed at epoch 1. */
export function holdsOf({ tenant, holds, second }: CrashCase): string[] {
  return holds.map((point) => `${tenant}:${second ? 3 : 2}@${point}`)
}

const MOVE: readonly (readonly [point: string, what: string, ...holds: string[]])[] = [
  ['P1', 'the plan is written', 'coordinator<prepare'],
  ['P2', 'prepare has come to the target', 'node<prepare'],
  ['P2', 'the target has staged', 'node>ready'],
  ['P2', 'its answer was not read', 'coordinator>ready'],
  ['P3', 'handoff is to be sent', 'coordinator<handoff'],
  ['P4', 'handoff has come to the source', 'node<handoff'],
  ['P4', 'the source has handed off', 'node>handed'],
  ['P5', 'the capsule was not read', 'coordinator>handed'],
  ['P5', 'install is to be sent', 'coordinator<install'],
  ['P6', 'install has come to the target', 'node<install'],
  ['P6', 'the target has installed', 'node>installed'],
  ['P7', 'its answer was not read', 'coordinator>installed'],
  ['P8', 'the commit is written', 'coordinator<release'],
]

const AFTER: typeof MOVE = [
  ['P9', "the edges' news is lost", 'node>news'],
  ['P10', 'release has come to the source', 'node<release'],
  ['P10', 'the source has released', 'node>released'],
  ['P10', 'its answer was not read', 'coordinator>released'],
  ['P13', 'the target installed, the source unheard', 'coordinator>handed', 'node>installed'],
  ['P13', 'the edges and the source unheard', 'coordinator>handed', 'node>news'],
]

const SECOND: typeof MOVE = [
  ['P12', 'second move, the target has staged', 'node>ready'],
  ['P12', 'second move, the source has handed off', 'node>handed'],
  ['P12', 'second move, the target has installed', 'node>installed'],
]

/** Every crash point, each with a tenant of its own. */
export function crashCases(): CrashCase[] {
  const cases = [
    ...[...MOVE, ...AFTER].map(([point, what, ...holds]) => ({ point, what, holds })),
    ...MOVE.slice(1).map(([point, what, ...holds]) => {
      return { point: 'P11', what: `an abort; ${point}: ${what}`, holds, abort: true as const }
    }),
    ...SECOND.map(([point, what, ...holds]) => ({ point, what, holds, second: true as const })),
  ]
  return cases.map((each, i) => ({ tenant: `t${i}`, ...each }))
}
