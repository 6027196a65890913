/** Why a move is refused: a code for programs and a text that says what to do. Nothing was changed. */

/** Refused when a move is asked for (`planMove`, `planTakeover`, `requestAbort`); texts in `plan-refusals.ts`. */
export type PlanRefusalCode =
  | 'unknown-tenant'
  | 'unknown-node'
  | 'same-node'
  | 'migration-open'
  | 'no-migration'
  | 'too-late'
  | 'cordoned'
  | 'failed-node'
  | 'full'
  | 'busy-node'
  | 'still-serving'
  | 'not-placed'
  | 'leftover'

/** Refused by a node in answer to a step; texts in `step-refusals.ts`. */
export type StepRefusalCode =
  | 'full'
  | 'stale-epoch'
  | 'aborted'
  | 'occupied'
  | 'not-staged'
  | 'unknown-tenant'
  | 'not-yet'

/** A refusal; `text` is one sentence for a person, without secrets. */
export interface Refusal {
  readonly code: PlanRefusalCode | StepRefusalCode
  readonly text: string
}

/** What the texts name. */
export interface RefusalSubject {
  readonly tenant: string
  readonly node: string
}

/** The text of each code. */
export type RefusalTexts<Code extends Refusal['code']> = Readonly<
  Record<Code, (subject: RefusalSubject) => string>
>
