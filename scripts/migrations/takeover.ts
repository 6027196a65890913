import type { AccountState } from '../../src/core/control.ts'
import type { MigrationView } from '../../src/core/migration-view.ts'
import { LocalStint } from '../run/local.ts'
import type { CrashPorts } from './crash.ts'
import { ask, CUT_WORKER, ended, faultsOf, served, until, whereabouts } from './observe.ts'
import { CASES, type Case, Client, freed, HEIR, manifest, pause, REPORT_MS } from './takeover-cases.ts'

/** What became of a tenant whose node could not be reached any more. */
export interface TakeoverOutcome {
  readonly tenant: string
  readonly what: string
  /** How its last migration ended, and why it was begun. */
  readonly ended: string
  readonly reason: string
  /** From when the node was cut off until the tenant had another owner, ms. */
  readonly takenAfterMs: number
  readonly admittedByNodes: number
  readonly admittedByClients: number
  readonly faults: readonly string[]
}

/** A case, and what was seen of it. */
interface Subject {
  readonly its: Case
  /** Requests asked for beside those of the client. */
  probes: number
  client?: Client
  move?: MigrationView
  afterMs: number
  /** What was counted by nodes when the edges that told them were killed. */
  least: number
  counted?: { readonly nodes: number; readonly clients: number; readonly faults: readonly string[] }
}

/**
 * Cuts nodes off while their tenants have traffic, waits until each tenant was taken over or is held on its way,
 * lets the nodes return (some after everything was killed), and looks at what became of each.
 */
export async function takeOverUnreachable(
  { port, inspectPort }: CrashPorts,
  say: (text: string) => void,
): Promise<TakeoverOutcome[]> {
  const stint = await LocalStint.start(port, manifest(), {
    worker: CUT_WORKER,
    entrypoints: { Inspect: inspectPort },
    vars: { STINT_REPORT_MS: `${REPORT_MS}`, STINT_HOLD: CASES.flatMap(holdOf).join(',') },
  })
  const experiment = new Experiment(stint, inspectPort)
  try {
    await experiment.begin()
    await experiment.sever()
    say('all are taken over, or held on the way')
    await experiment.back()
    say('those that are not cut off for longer are back')
    await experiment.killAndRestart()
    say('all are back')
    return await experiment.outcomes()
  } finally {
    await experiment.end()
  }
}

class Experiment {
  readonly #stint: LocalStint
  readonly #inspectPort: number
  readonly #all: readonly Subject[] = CASES.map((its) => ({ its, probes: 0, afterMs: 0, least: 0 }))
  readonly #free = this.#all.filter(({ its }) => its.hold === undefined)
  readonly #held = this.#all.filter(({ its }) => its.hold !== undefined)
  readonly #early = this.#held.filter(({ its }) => its.backWhileHeld)
  readonly #late = this.#held.filter(({ its }) => !its.backWhileHeld)

  constructor(stint: LocalStint, inspectPort: number) {
    this.#stint = stint
    this.#inspectPort = inspectPort
  }

  /** Traffic for all, until states of the accounts were told. */
  async begin(): Promise<void> {
    await this.#stint.admin.apply(freed())
    await this.#probe()
    for (const subject of this.#all) subject.client = new Client(this.#stint.port, subject.its.tenant)
    await pause(6 * REPORT_MS)
  }

  async sever(): Promise<void> {
    for (const { its } of this.#all) await ask(this.#inspectPort, `${its.sever}/${its.node}`)
    await this.#taken(this.#free)
    const holds = CASES.flatMap(holdOf)
    await until('the holds', async () => {
      const all = new Set(await ask<string[]>(this.#inspectPort, 'reached'))
      return holds.every((hold) => all.has(hold)) ? true : undefined
    })
    for (const { its } of this.#free) await this.#heard(its)
  }

  async back(): Promise<void> {
    for (const subject of this.#early) subject.least = await this.#admitted(subject.its)
    await this.#heal([...this.#free, ...this.#early])
    for (const { client } of this.#all) await client!.stop()
    for (const subject of this.#free) {
      const admitted = subject.client!.admitted + subject.probes
      subject.counted = await this.#count(subject.its, admitted, admitted)
    }
  }

  async killAndRestart(): Promise<void> {
    const kept = await this.#whereabouts()
    for (const subject of this.#held) {
      subject.least = Math.max(subject.least, kept.get(subject.its.tenant)!.admitted)
    }
    await this.#stint.kill()
    const away = this.#late.map(({ its }) => its.node)
    await this.#stint.restart({ STINT_HOLD: '', STINT_CUT: away.join(',') })
    await this.#taken(this.#held)
    await this.#heal(this.#late)
    await this.#probe()
    for (const subject of this.#held) {
      subject.counted = await this.#count(subject.its, subject.least, subject.client!.asked + subject.probes)
    }
  }

  async outcomes(): Promise<TakeoverOutcome[]> {
    const now = await this.#whereabouts()
    return this.#all.map(({ its: { tenant, what }, move, afterMs, counted }) => ({
      tenant,
      what,
      ended: move!.phase,
      reason: move!.reason,
      takenAfterMs: afterMs,
      admittedByNodes: counted!.nodes,
      admittedByClients: counted!.clients,
      faults: [...counted!.faults, ...faultsOf(tenant, HEIR, now.get(tenant)!, 0)],
    }))
  }

  async end(): Promise<void> {
    for (const { client } of this.#all) void client?.stop()
    await this.#stint.dispose()
  }

  async #probe(): Promise<void> {
    await Promise.all(
      this.#all.map(async (subject) => {
        subject.probes += await served(this.#stint.port, subject.its.tenant)
      }),
    )
  }

  /** Waits until their takeovers have ended. */
  async #taken(subjects: readonly Subject[]): Promise<void> {
    const sinceMs = Date.now()
    await Promise.all(
      subjects.map(async (subject) => {
        subject.move = await ended(this.#stint, subject.its.tenant)
        subject.afterMs = Date.now() - sinceMs
      }),
    )
  }

  /** Lets nodes return, and waits until they have handed in what they had. */
  async #heal(subjects: readonly Subject[]): Promise<void> {
    for (const { its } of subjects) await ask(this.#inspectPort, `heal/${its.node}`)
    for (const { tenant, node } of subjects.map(({ its }) => its)) {
      await until(`${node} to hand in what it had of ${tenant}`, async () => {
        const now = (await whereabouts(this.#inspectPort, [node], [tenant])).get(tenant)!
        return now.active.length + now.open.length + now.onTheWay.length === 0 ? true : undefined
      })
    }
  }

  /** The edges have found the heir: it counts more and more. */
  async #heard(its: Case): Promise<void> {
    const first = await this.#admitted(its)
    await until(`reports of ${its.tenant} to its heir`, async () => {
      return (await this.#admitted(its)) > first ? true : undefined
    })
  }

  /** What the owner has counted, once it is in the bounds or five seconds have passed. */
  async #count(its: Case, least: number, most: number): Promise<Required<Subject>['counted']> {
    let nodes = await this.#admitted(its)
    for (let i = 0; i < 50 && nodes < least; i++) {
      await pause(100)
      nodes = await this.#admitted(its)
    }
    const bounds = least === most ? `${most} admitted` : `${least} known, ${most} asked for`
    const faults = nodes >= least && nodes <= most ? [] : [`${its.tenant}: ${nodes} counted, ${bounds}`]
    return { nodes, clients: most, faults }
  }

  async #admitted({ tenant }: Case): Promise<number> {
    const path = `/tenants/${tenant}/usage`
    const { accounts } = await this.#stint.admin.json<{ accounts: readonly AccountState[] }>('GET', path)
    return accounts.reduce((sum, { usage }) => sum + usage.admitted, 0)
  }

  #whereabouts() {
    const nodes = [HEIR, ...CASES.map(({ node }) => node)]
    return whereabouts(
      this.#inspectPort,
      nodes,
      CASES.map(({ tenant }) => tenant),
    )
  }
}

/** The takeover of a tenant placed at epoch 1 leads to epoch 2. */
function holdOf({ tenant, hold }: Case): string[] {
  return hold === undefined ? [] : [`${tenant}:2@${hold}`]
}
