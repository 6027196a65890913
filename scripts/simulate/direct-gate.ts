import type { Account } from '../../src/core/account.ts'
import { Decision } from '../../src/core/ledger.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { Events } from './events.ts'

interface Waiting {
  readonly cost: number
  readonly patienceMs: number
  readonly done: (admitted: boolean) => void
}

/** What waits for one account's tokens, in order of arrival. */
interface Queue {
  readonly account: Account
  waiting: Waiting[]
  /** Σ of the costs that wait, and tokens leased for them that no request has used. */
  cost: number
  leased: number
}

/** The ledger asked directly, without edges: who may wait does so in order of arrival, per account. */
export class DirectGate {
  readonly #sessions: Sessions
  readonly #events: Events
  readonly #queues = new Map<Account, Queue>()

  constructor(sessions: Sessions, events: Events) {
    this.#sessions = sessions
    this.#events = events
  }

  request(
    tenant: string,
    device: string | undefined,
    cost: number,
    maxWaitMs: number,
    done: (admitted: boolean) => void,
  ): void {
    const account = this.#sessions.desk(tenant, device)!.account
    const queue = this.#queues.get(account) ?? { account, waiting: [], cost: 0, leased: 0 }
    this.#queues.set(account, queue)
    const ledger = this.#sessions.ledger
    if (queue.waiting.length > 0) ledger.demand(account, cost, this.#nowMs)
    else if (ledger.spend(account, cost, this.#nowMs) <= Decision.borrowed) {
      done(true)
      return
    }
    const retryMs = this.#retryMs(account, cost)
    if (retryMs > maxWaitMs) {
      done(false)
      return
    }
    queue.waiting.push({ cost, patienceMs: this.#nowMs + maxWaitMs, done })
    queue.cost += cost
    if (queue.waiting.length === 1) this.#events.after(retryMs, () => this.#serve(queue))
  }

  get #nowMs(): number {
    return Math.floor(this.#events.nowMs)
  }

  #retryMs(account: Account, cost: number): number {
    return Math.max(1, this.#sessions.ledger.retryAfterMs(account, cost, this.#nowMs))
  }

  /** Leases what waits, serves as far as that goes, and lets those go that cannot wait for more. */
  #serve(queue: Queue): void {
    const { account, waiting } = queue
    const missing = queue.cost - queue.leased
    const first = Math.max(0, waiting[0]!.cost - queue.leased)
    if (missing > 0) {
      queue.leased += this.#sessions.ledger.lease(account, missing, missing, first, this.#nowMs)
    }
    const served: Waiting[] = []
    while (waiting.length > 0 && waiting[0]!.cost <= queue.leased) {
      const head = waiting.shift()!
      queue.leased -= head.cost
      queue.cost -= head.cost
      served.push(head)
    }
    let retryMs = 0
    if (waiting.length > 0) {
      retryMs = this.#retryMs(account, waiting[0]!.cost - queue.leased)
      const gone = waiting.filter(({ patienceMs }) => this.#nowMs + retryMs > patienceMs)
      queue.waiting = waiting.filter((one) => !gone.includes(one))
      for (const { cost } of gone) queue.cost -= cost
      if (queue.waiting.length > 0) this.#events.after(retryMs, () => this.#serve(queue))
      for (const { done } of gone) done(false)
    }
    for (const { done } of served) done(true)
  }
}
