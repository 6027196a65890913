import { statusOf } from './observe.ts'

/** One tenant, its node, and what happens to that. */
export interface Case {
  readonly tenant: string
  readonly node: string
  readonly what: string
  readonly sever: 'cut' | 'mute'
  /** Where the takeover is held until everything is killed; without, nothing is killed. */
  readonly hold?: string
  /** Whether the node is back while the takeover is held; otherwise it stays away over the restart. */
  readonly backWhileHeld?: true
}

export const CASES: readonly Case[] = [
  { tenant: 'gone', node: 's1', sever: 'cut', what: 'unreachable for all, back afterwards' },
  { tenant: 'mute', node: 's2', sever: 'mute', what: 'unheard by the coordinator alone, back afterwards' },
  {
    tenant: 'early',
    node: 's3',
    sever: 'mute',
    hold: 'coordinator<takeover',
    backWhileHeld: true,
    what: 'unheard, back before the heir was told; all killed',
  },
  {
    tenant: 'late',
    node: 's4',
    sever: 'cut',
    hold: 'node>installed',
    what: 'killed after the heir installed',
  },
]
/** How often nodes report, ms. */
export const REPORT_MS = 200
/** Where all are taken over to. */
export const HEIR = 'spare'

/** Each tenant on its own node. */
export function manifest(): string {
  const nodes = [HEIR, ...CASES.map(({ node }) => node)].map((name) => {
    return { kind: 'Node', metadata: { name }, spec: { capacity: 200, zone: name } }
  })
  const tenants = CASES.map(({ tenant, node }) => {
    const spec = { base: 40, hosts: [`${tenant}.localhost`], zones: [node] }
    return { kind: 'Tenant', metadata: { name: tenant }, spec }
  })
  return documents([...nodes, ...tenants])
}

/** Once placed, they may live on the heir, too. */
export function freed(): string {
  return documents(
    CASES.map(({ tenant, node }) => {
      const spec = { base: 40, hosts: [`${tenant}.localhost`], zones: [node, HEIR] }
      return { kind: 'Tenant', metadata: { name: tenant }, spec }
    }),
  )
}

function documents(all: readonly object[]): string {
  return all.map((it) => JSON.stringify({ apiVersion: 'stint/v1', ...it })).join('\n---\n')
}

/** One client after another, as fast as they are answered; counts what was admitted. */
export class Client {
  readonly #port: number
  readonly #tenant: string
  #running = true
  readonly #done: Promise<void>
  asked = 0
  admitted = 0

  constructor(port: number, tenant: string) {
    this.#port = port
    this.#tenant = tenant
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    while (this.#running) {
      this.asked++
      if ((await statusOf(this.#port, this.#tenant)) === 200) this.admitted++
      await pause(40)
    }
  }

  stop(): Promise<void> {
    this.#running = false
    return this.#done
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
