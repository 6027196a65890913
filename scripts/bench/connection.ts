import { connect, type Socket } from 'node:net'

/** Called when an answer is complete. */
export type OnAnswer = (status: number) => void

/** One HTTP/1.1 keep-alive connection on a raw socket: one request at a time, as little work as possible. */
export class Connection {
  readonly #socket: Socket
  readonly #request: Buffer
  #onAnswer: OnAnswer = () => {}
  #rest = ''

  private constructor(socket: Socket, host: string, path: string) {
    this.#socket = socket
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    socket.once('close', () => this.#onAnswer(0))
  }

  static open(port: number, host: string, path: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Connection(socket, host, path)))
    })
  }

  /** Sends a request; `onAnswer` gets its status, or 0 when the connection ended instead. */
  send(onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer
    this.#socket.write(this.#request)
  }

  close(): void {
    this.#onAnswer = () => {}
    this.#socket.destroy()
  }

  #read(text: string): void {
    const answer = this.#rest + text
    const end = endOfAnswer(answer)
    if (end < 0) {
      this.#rest = answer
      return
    }
    this.#rest = answer.slice(end)
    const done = this.#onAnswer
    this.#onAnswer = () => {}
    done(Number(answer.slice(9, 12)))
  }
}

/** Where a whole answer ends, by its length or its last chunk; -1 while it is not all there. */
function endOfAnswer(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return -1
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd))
  if (length !== null) {
    const end = headEnd + 4 + Number(length[1])
    return text.length >= end ? end : -1
  }
  const last = text.indexOf('0\r\n\r\n', headEnd + 4)
  return last < 0 ? -1 : last + 5
}
