import type { Api } from './client.ts'
import { CliError } from './exit.ts'
import { age, type Format, print, progress, type Streams, table } from './output.ts'

type Answer<Call extends (...args: never[]) => Promise<{ json(): unknown }>> = Awaited<
  ReturnType<Awaited<ReturnType<Call>>['json']>
>
type PlanView = Answer<Api['plans'][':id']['$get']>
type PlacementState = Answer<Api['placement']['$get']>
type Terms = PlanView['bound']

const TERMS = ['load', 'energy', 'cost', 'carbon', 'resilience'] as const
const UNITS: Readonly<Record<(typeof TERMS)[number], string>> = {
  load: 'LOAD RISK',
  energy: 'W',
  cost: 'PER HOUR',
  carbon: 'GCO2/H',
  resilience: 'RESILIENCE',
}
/** Plans that have not ended. */
const OPEN: readonly string[] = ['proposed', 'accepted', 'running']

/** Options of `plan`. */
export interface PlanArguments {
  readonly explain?: boolean
  readonly list?: boolean
  readonly now?: boolean
  readonly output: Format
}

/** `stint plan`: the plan that is open, a given one, or a new one. */
export async function planCommand(
  api: Api,
  streams: Streams,
  id: string | undefined,
  options: PlanArguments,
): Promise<void> {
  const { items } = await (await api.plans.$get({ query: { limit: '50' } })).json()
  if (options.list === true) {
    print(streams, options.output, items, () =>
      table(
        ['ID', 'AGE', 'STATE', 'PROFILE', 'MOVES', 'WAKE', 'STANDBY', 'SCORE', 'NOTE'],
        items.map((it) => [
          it.id,
          age(it.atMs, Date.now()),
          it.state,
          it.profile,
          it.moves,
          it.wake.length,
          it.standby.length,
          `${figure(it.scoreBefore)} → ${figure(it.scoreAfter)}`,
          it.note,
        ]),
      ),
    )
    return
  }
  const open = items.find(({ state }) => OPEN.includes(state))
  const shown = id ?? (options.now === true ? undefined : open?.id.toString())
  const plan =
    shown === undefined
      ? await (await api.plans.$post({})).json()
      : await (await api.plans[':id'].$get({ param: { id: shown } })).json()
  print(streams, options.output, plan, () => planText(plan, options.explain === true))
}

/** `stint plan accept` and `stint plan reject`. */
export async function decideCommand(
  api: Api,
  streams: Streams,
  decision: 'accept' | 'reject',
  id: string,
  options: { readonly wait: boolean; readonly timeout: number },
): Promise<void> {
  const param = { id }
  const answer =
    decision === 'accept'
      ? await api.plans[':id'].accept.$post({ param })
      : await api.plans[':id'].reject.$post({ param })
  const plan = await answer.json()
  streams.out(`plan ${plan.id} ${plan.state}\n`)
  if (decision === 'accept' && options.wait) await ended(api, streams, id, options.timeout)
}

async function ended(api: Api, streams: Streams, id: string, timeoutS: number): Promise<void> {
  const untilMs = Date.now() + timeoutS * 1_000
  for (;;) {
    const plan = await (await api.plans[':id'].$get({ param: { id } })).json()
    const done = plan.moves.filter(({ state }) => state === 'done').length
    const over = !OPEN.includes(plan.state)
    progress(streams, `${plan.state}: ${done} of ${plan.moves.length} moves`, over)
    if (over) {
      streams.out(`plan ${id} ${plan.state}: ${plan.note}\n`)
      return
    }
    if (Date.now() > untilMs) throw new CliError('timeout', `plan ${id} is ${plan.state} after ${timeoutS} s`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** A plan for people. */
export function planText(plan: PlanView, explain: boolean): string {
  const { moves, wake, standby } = plan
  const count = `${moves.length} moves, wake ${wake.join(', ') || 'none'}, to standby ${standby.join(', ') || 'none'}`
  const parts = [
    `Plan ${plan.id}, ${age(plan.atMs, Date.now())} old, ${plan.state}${plan.note === '' ? '' : ` (${plan.note})`}`,
    `Profile ${plan.profile}, mode ${plan.mode}: ${count}`,
    ...(plan.frozen === null ? [] : [`Frozen: ${plan.frozen}`]),
    ...(plan.homeless.length === 0 ? [] : [`Without a home: ${plan.homeless.join(', ')}`]),
    '',
    termsTable(plan),
  ]
  if (moves.length > 0) parts.push(movesTable(plan, explain))
  if (explain) parts.push(profilesTable(plan))
  if (plan.state === 'proposed')
    parts.push(`stint plan accept ${plan.id}   or   stint plan reject ${plan.id}`)
  return `${parts.join('\n').trimEnd()}\n`
}

function termsTable({ before, after, bound, distance }: PlanView): string {
  return table(
    ['', ...TERMS.map((term) => UNITS[term]), 'SCORE'],
    [
      ['now', ...figures(before.terms), figure(before.score)],
      ['planned', ...figures(after.terms), figure(after.score)],
      ['lower bound', ...figures(bound), '0'],
      ['above the bound', ...TERMS.map((term) => percent(distance[term])), ''],
    ],
  )
}

function movesTable({ moves }: PlanView, explain: boolean): string {
  const changes = explain ? TERMS.map((term) => `Δ ${UNITS[term]}`) : []
  return table(
    ['TENANT', 'FROM', 'TO', 'RULE', 'BUNDLE', 'WAVE', ...changes, 'STATE'],
    moves.map((it) => [
      it.tenant,
      it.from ?? '-',
      it.to,
      it.rule,
      it.bundle,
      it.wave,
      ...(explain ? figures(it.change) : []),
      it.reason === undefined ? it.state : `${it.state}: ${it.reason}`,
    ]),
  )
}

function profilesTable({ alternatives, profile }: PlanView): string {
  return table(
    ['PROFILE', 'MOVES', 'WAKE', 'STANDBY', ...TERMS.map((term) => UNITS[term]), 'PARETO'],
    alternatives.map((it) => [
      it.profile === profile ? `${it.profile} *` : it.profile,
      it.moves,
      it.wake,
      it.standby,
      ...figures(it.terms),
      it.onFront ? 'on the front' : 'beaten',
    ]),
  )
}

function figures(terms: Terms): string[] {
  return TERMS.map((term) => figure(terms[term]))
}

/** Three significant digits, never in powers of ten for what people meet. */
function figure(value: number): string {
  if (value === 0 || Math.abs(value) < 1e-6) return '0'
  return Math.abs(value) >= 1_000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

function percent(share: number | null): string {
  return share === null ? '-' : `${figure(share * 100)} %`
}

/** Options of `profile`. */
export interface ProfileArguments {
  readonly mode?: PlacementState['mode']
  readonly hook?: string
  readonly every?: number
  readonly gain?: number
  readonly set?: readonly string[]
  readonly output: Format
}

/** `stint profile`: shows the profiles, or takes another one. */
export async function profileCommand(
  api: Api,
  streams: Streams,
  wanted: string | undefined,
  options: ProfileArguments,
): Promise<void> {
  const answer = await api.placement.$get()
  let state = await answer.json()
  const names = Object.keys(state.effective.profiles) as PlacementState['profile'][]
  const { mode, hook, every, gain, set } = options
  if ([wanted, mode, hook, every, gain, set].some((it) => it !== undefined)) {
    const profile = wanted === undefined ? state.profile : names.find((name) => name === wanted)
    if (profile === undefined) throw new CliError('usage', `the profile is one of ${names.join(', ')}`)
    const json = {
      mode: mode ?? state.mode,
      profile,
      profiles: state.profiles,
      everyMs: every === undefined ? state.everyMs : every * 1_000,
      forecastGain: gain ?? state.forecastGain,
      planner: withKnobs(state.planner, set ?? []),
      hook: hook === undefined ? state.hook : hook === 'none' ? null : { url: hook, timeoutMs: 10_000 },
    }
    const headers = { 'if-match': answer.headers.get('etag') ?? '*' }
    state = await (await api.placement.$put({ json }, { headers })).json()
  }
  const { effective, profile } = state
  print(streams, options.output, state, () =>
    [
      table(
        ['PROFILE', ...TERMS.map((term) => term.toUpperCase())],
        names.map((name) => [
          name === profile ? `${name} *` : name,
          ...TERMS.map((term) => effective.profiles[name][term]),
        ]),
      ),
      `mode ${state.mode}, a plan every ${state.everyMs / 1_000} s, hook ${state.hook?.url ?? 'none: no node sleeps'}\n`,
    ].join(''),
  )
}

/** Knobs with some of them set, or back at their default; the API says which it does not know. */
function withKnobs(planner: PlacementState['planner'], set: readonly string[]): PlacementState['planner'] {
  const knobs = new Map<string, unknown>(Object.entries(planner))
  for (const text of set) {
    const [, knob = '', value = ''] = /^(\w+)=(.*)$/.exec(text) ?? []
    if (knob === '' || (value !== '' && !Number.isFinite(Number(value)))) {
      throw new CliError('usage', `--set takes KNOB=NUMBER, not ${text}`)
    }
    if (value === '') knobs.delete(knob)
    else knobs.set(knob, Number(value))
  }
  return Object.fromEntries(knobs)
}

/** `stint energy`. */
export async function energyCommand(api: Api, streams: Streams, format: Format): Promise<void> {
  const { items } = await (await api.energy.$get()).json()
  const sum = (read: (it: (typeof items)[number]) => number) => items.reduce((all, it) => all + read(it), 0)
  print(streams, format, items, () =>
    table(
      ['NODE', 'PHASE', 'W', 'LOAD', 'WH', 'STANDBY WH', 'COST', 'GCO2', 'PRICED', 'SINCE'],
      [
        ...items.map((it) => [
          it.node,
          it.phase,
          figure(it.watts),
          percent(it.load),
          figure(it.wh),
          figure(it.standbyWh),
          figure(it.cost),
          figure(it.grams),
          percent(it.pricedShare),
          age(it.sinceMs, Date.now()),
        ]),
        [
          'all',
          '',
          figure(sum((it) => it.watts)),
          '',
          figure(sum((it) => it.wh)),
          figure(sum((it) => it.standbyWh)),
          figure(sum((it) => it.cost)),
          figure(sum((it) => it.grams)),
          '',
          '',
        ],
      ],
    ),
  )
}
