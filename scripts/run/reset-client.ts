import { connect, type Socket } from 'node:net'

/** What a client of raw sockets saw; `reset` counts requests it cut off by a TCP reset. */
export interface Seen {
  readonly byStatus: Map<number, number>
  answered: number
  reset: number
  /** Requests whose connection ended without an answer although the client did not reset it. */
  lost: number
}

export interface ResetClientOptions {
  readonly port: number
  readonly host: string
  /** Requests to send, those that are reset included. */
  readonly requests: number
  /** Share of requests cut off by a reset while the answer is under way, 0…1. */
  readonly resetShare: number
  readonly random: () => number
  readonly deadlineMs: number
  onRequest?(): void
}

/** One keep-alive connection after the other; some requests end in a reset instead of an answer. */
export async function runResetClient(options: ResetClientOptions, seen: Seen): Promise<void> {
  let socket: Connection | undefined
  for (let sent = 0; sent < options.requests; sent++) {
    socket ??= await Connection.open(options.port)
    const reset = options.random() < options.resetShare
    if (reset) {
      await socket.requestAndReset(options.host, options.random() * 4)
      socket = undefined
      seen.reset++
    } else {
      const status = await socket.request(options.host, options.deadlineMs)
      if (status === undefined) {
        seen.lost++
        socket.close()
        socket = undefined
      } else {
        seen.answered++
        seen.byStatus.set(status, (seen.byStatus.get(status) ?? 0) + 1)
      }
    }
    options.onRequest?.()
  }
  socket?.close()
}

class Connection {
  readonly #socket: Socket
  #buffer = ''
  #wake: () => void = () => {}
  #ended = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#buffer += chunk.toString('latin1')
      this.#wake()
    })
    const end = () => {
      this.#ended = true
      this.#wake()
    }
    socket.on('error', end)
    socket.on('close', end)
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  /** Sends a request and resets the connection a moment later. */
  async requestAndReset(host: string, afterMs: number): Promise<void> {
    this.#send(host)
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    this.#socket.resetAndDestroy()
  }

  /** @returns the status, or undefined when no whole answer came before the deadline. */
  async request(host: string, deadlineMs: number): Promise<number | undefined> {
    this.#send(host)
    const untilMs = Date.now() + deadlineMs
    for (;;) {
      const status = this.#takeAnswer()
      if (status !== undefined) return status
      const leftMs = untilMs - Date.now()
      if (this.#ended || leftMs <= 0) return undefined
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(host: string): void {
    this.#socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  }

  /** Answers come with a length or in chunks; both end in the buffer. */
  #takeAnswer(): number | undefined {
    const headEnd = this.#buffer.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const head = this.#buffer.slice(0, headEnd)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    let end: number
    if (length !== null) end = headEnd + 4 + Number(length[1])
    else {
      const last = this.#buffer.indexOf('0\r\n\r\n', headEnd + 4)
      if (last < 0) return undefined
      end = last + 5
    }
    if (this.#buffer.length < end) return undefined
    this.#buffer = this.#buffer.slice(end)
    return Number(head.slice(9, 12))
  }
}
