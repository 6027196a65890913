import { createServer } from 'node:http'
import { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'

/**
 * rate-limiter-flexible runs in Node, not in a Worker: the same answer by `node:http`, with and without it.
 * `argv`: port, `none | memory | redis`, port of Redis.
 */
const [port, kind, redisPort] = process.argv.slice(2)
const options = { points: 1_000_000_000, duration: 1 }
const limiter =
  kind === 'memory'
    ? new RateLimiterMemory(options)
    : kind === 'redis'
      ? new RateLimiterRedis({
          storeClient: new Redis({ port: Number(redisPort), host: '127.0.0.1', enableOfflineQueue: false }),
          ...options,
        })
      : undefined

createServer((request, response) => {
  const answer = () => {
    const body = { tenant: 'quiet', node: 'bench', method: request.method, path: request.url }
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(`${JSON.stringify(body)}\n`)
  }
  if (limiter === undefined) answer()
  else
    limiter.consume('quiet').then(answer, () => {
      response.writeHead(429)
      response.end('Too Many Requests')
    })
}).listen(Number(port), '127.0.0.1')
