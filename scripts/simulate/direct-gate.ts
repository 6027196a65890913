import type { Account } from '../../src/core/account.ts'
import { Decision } from '../../src/core/ledger.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { Events } from './events.ts'

interface Waiting {
  readonly cost: number
  readonly patienceMs: number
  readonly done: (admitted: boolean) => void
}

/** The ledger asked directly, without edges: who may wait does so in order of arrival, per account. */
export class DirectGate {
  readonly #sessions: Sessions
  readonly #events: Events
  readonly #queues = new Map<Account, Waiting[]>()

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
    const queue = this.#queues.get(account) ?? []
    this.#queues.set(account, queue)
    if (queue.length === 0 && this.#spend(account, cost)) {
      done(true)
      return
    }
    const retryMs = this.#retryMs(account, cost)
    if (retryMs > maxWaitMs) {
      done(false)
      return
    }
    queue.push({ cost, patienceMs: this.#nowMs + maxWaitMs, done })
    if (queue.length === 1) this.#events.after(retryMs, () => this.#serve(account, queue))
  }

  get #nowMs(): number {
    return Math.floor(this.#events.nowMs)
  }

  #spend(account: Account, cost: number): boolean {
    const decision = this.#sessions.ledger.spend(account, cost, this.#nowMs)
    return decision === Decision.granted || decision === Decision.borrowed
  }

  #retryMs(account: Account, cost: number): number {
    return Math.max(1, this.#sessions.ledger.retryAfterMs(account, cost, this.#nowMs))
  }

  #serve(account: Account, queue: Waiting[]): void {
    while (queue.length > 0) {
      const [head] = queue as [Waiting]
      if (this.#spend(account, head.cost)) {
        queue.shift()
        head.done(true)
      } else if (this.#nowMs + this.#retryMs(account, head.cost) > head.patienceMs) {
        queue.shift()
        head.done(false)
      } else {
        this.#events.after(this.#retryMs(account, head.cost), () => this.#serve(account, queue))
        return
      }
    }
  }
}
