import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { HOOK_HEADERS, type HookCommand, signedText } from '../../src/core/hook.ts'

/** A command as the hook got it. */
export interface Heard extends HookCommand {
  readonly atMs: number
  readonly answered: number
}

/** How old a call may be, ms. */
const MAX_AGE_MS = 60_000

/**
 * An operator's hook, as an example: checks the signature over time and body, does each command once, and
 * fails the first call of every command, so that it is seen to be told again.
 */
export class ExampleHook {
  readonly heard: Heard[] = []
  readonly #secret: string
  readonly #server: Server
  readonly #seen = new Set<number>()
  /** Awaited before a command is answered. */
  onCommand: (command: HookCommand) => Promise<void> = async () => undefined

  constructor(secret: string) {
    this.#secret = secret
    this.#server = createServer((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => {
        body += part.toString('utf8')
      })
      request.on('end', () => {
        this.#answer(request.headers, body).then(
          (status) => response.writeHead(status).end(),
          () => response.writeHead(500).end(),
        )
      })
    })
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve())
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #answer(headers: NodeJS.Dict<string | string[]>, body: string): Promise<number> {
    const timestamp = Number(headers[HOOK_HEADERS.timestamp.toLowerCase()])
    const given = Buffer.from(String(headers[HOOK_HEADERS.signature.toLowerCase()] ?? ''))
    const hmac = createHmac('sha256', this.#secret).update(signedText(timestamp, body)).digest('hex')
    const right = Buffer.from(`v1=${hmac}`)
    if (given.length !== right.length || !timingSafeEqual(given, right)) return 401
    if (Math.abs(Date.now() - timestamp) > MAX_AGE_MS) return 401
    const command = JSON.parse(body) as HookCommand
    await this.onCommand(command)
    const first = !this.#seen.has(command.id)
    this.#seen.add(command.id)
    // 202: taken; a machine needs its time to wake.
    const answered = first ? 503 : 202
    this.heard.push({ ...command, atMs: Date.now(), answered })
    return answered
  }
}
