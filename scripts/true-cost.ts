import { Agent, request } from 'node:http'
import { Command } from 'commander'
import { LocalStint } from './run/local.ts'
import { randomFrom } from './simulate/random.ts'

const BASE = 1_000
const LARGEST = 500

/** What an answer may cost is reserved; what it did not cost is given back. */
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: models }
spec: { capacity: 2000 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: chat }
spec: { base: ${BASE}, borrows: false, hosts: [chat.localhost], cost: { perRequest: ${LARGEST} } }
`

await new Command('true-cost')
  .description('An origin that charges 1 to 500 tokens per answer by header, against a base of 1000/s.')
  .option('--port <port>', 'port on 127.0.0.1', Number, 8_799)
  .option('--seconds <seconds>', 'how long', Number, 60)
  .option('--per-second <requests>', 'requests offered', Number, 200)
  .action(run)
  .parseAsync()

async function run(options: { port: number; seconds: number; perSecond: number }): Promise<void> {
  const stint = await LocalStint.start(options.port, MANIFEST)
  const random = randomFrom(1)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const seen = { admitted: 0, refused: 0, other: 0, spent: 0 }
  const ask = (cost: number) =>
    new Promise<void>((resolve) => {
      const path = `/?cost=${cost}&delayMs=30`
      request(
        { port: options.port, host: '127.0.0.1', path, agent, headers: { Host: 'chat.localhost' } },
        (answer) => {
          answer.resume().on('end', resolve)
          if (answer.statusCode === 200) {
            seen.admitted++
            seen.spent += cost
          } else if (answer.statusCode === 429) seen.refused++
          else seen.other++
        },
      )
        .on('error', () => {
          seen.other++
          resolve()
        })
        .end()
    })
  try {
    let furthest = 0
    const watch = setInterval(async () => {
      const [account] = await stint.admin.accounts()
      furthest = Math.max(furthest, account?.owed ?? 0)
    }, 1_000)
    const asked: Promise<void>[] = []
    const startMs = performance.now()
    for (let i = 0; i < options.seconds * options.perSecond; i++) {
      const dueMs = startMs + (i * 1_000) / options.perSecond
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
      asked.push(ask(1 + Math.floor(random() * LARGEST)))
    }
    await Promise.all(asked)
    clearInterval(watch)
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    const [account] = await stint.admin.accounts()
    const share = seen.spent / (BASE * options.seconds)
    console.log(
      JSON.stringify({ ...seen, shareOfBase: share, largestDebt: furthest, node: account!.usage }, null, 2),
    )
    if (Math.abs(share - 1) > 0.01 || furthest > LARGEST || seen.other > 0) process.exitCode = 1
  } finally {
    agent.destroy()
    await stint.dispose()
  }
}
