import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { Redis } from 'ioredis'

/**
 * Redis through the REST protocol that @upstash/redis speaks: a command as a JSON array in, `{ result }`
 * out, pipelines as arrays of them. `argv`: port of this bridge, port of Redis, milliseconds to add.
 */
const [port, redisPort, delayMs] = process.argv.slice(2).map(Number) as [number, number, number]
const redis = new Redis({ port: redisPort, host: '127.0.0.1' })
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** A flag of the service's own in the first line of a script, which Redis itself does not know. */
const SERVICE_FLAG = /^#!lua flags=allow-key-locking\s*/
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex')
/** Scripts whose first line was taken off: the digest clients know them by, and Redis's. */
const digests = new Map<string, string>()

/** The command as Redis knows it. */
function translated([name, ...args]: readonly string[]): [name: string, ...args: string[]] {
  const verb = name!.toLowerCase()
  const scriptAt = verb === 'eval' ? 0 : verb === 'script' ? 1 : undefined
  const script = scriptAt === undefined ? undefined : args[scriptAt]
  if (scriptAt !== undefined && script !== undefined && SERVICE_FLAG.test(script)) {
    args[scriptAt] = script.replace(SERVICE_FLAG, '')
    digests.set(sha1(script), sha1(args[scriptAt]))
  }
  if (verb === 'evalsha') args[0] = digests.get(args[0]!) ?? args[0]!
  return [name!, ...args]
}

/** The client asks for strings in base64 and leaves everything else as it is. */
function encode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encode)
  return typeof value === 'string' && value !== 'OK' ? Buffer.from(value).toString('base64') : value
}

async function run(command: readonly (string | number)[], base64: boolean): Promise<object> {
  const [name, ...args] = translated(command.map(String))
  try {
    const result: unknown = await redis.call(name, ...args)
    return { result: base64 ? encode(result) : result }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

const server = createServer(async (request, response) => {
  if (delayMs > 0) await sleep(delayMs / 2)
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  const base64 = request.headers['upstash-encoding'] === 'base64'
  const body = JSON.parse(text)
  const many = request.url === '/pipeline' || request.url === '/multi-exec'
  const answer = await (many
    ? Promise.all(body.map((command: string[]) => run(command, base64)))
    : run(body, base64))
  if (delayMs > 0) await sleep(delayMs / 2)
  const failed = !many && 'error' in answer
  response.writeHead(failed ? 400 : 200, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(answer))
})
// Between its turns a variant is idle for longer than the five seconds Node keeps a connection.
server.keepAliveTimeout = 600_000
server.listen(port, '127.0.0.1')
