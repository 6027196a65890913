import type { Events } from '../events.ts'
import type { SimNetwork } from '../faults/network.ts'
import { pairOf } from './plan-events.ts'

/** How a party answers a call; it may do so later, or never. */
export type Handler<Reply> = (respond: (reply: Reply) => void) => void

/** Calls between parties over the network: request and reply may each be lost, late or repeated. */
export class Calls {
  readonly #events: Events
  readonly #network: SimNetwork
  messages = 0

  constructor(events: Events, network: SimNetwork) {
    this.#events = events
    this.#network = network
  }

  /**
   * Calls `to`. Every reply that arrives is handed to `answered`, however late and often.
   *
   * @param handle what the callee does when the request arrives
   */
  call<Reply>(from: string, to: string, handle: Handler<Reply>, answered: (reply: Reply) => void): void {
    this.messages++
    const ends = [from, to, pairOf(from, to)]
    this.#network.carry(ends, `${from}>${to}`, () => {
      handle((reply) => this.#network.carry(ends, `${to}<${from}`, () => answered(reply)))
    })
  }

  /** A call of which the caller takes one answer, in time, or learns that there is none. */
  ask<Reply>(
    from: string,
    to: string,
    timeoutMs: number,
    handle: Handler<Reply>,
    done: (reply: Reply | undefined) => void,
  ): void {
    let open = true
    const end = (reply: Reply | undefined) => {
      if (!open) return
      open = false
      done(reply)
    }
    this.call(from, to, handle, end)
    this.#events.after(timeoutMs, () => end(undefined))
  }
}
