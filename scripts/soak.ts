import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { LocalStint } from './run/local.ts'
import { runResetClient, type Seen } from './run/reset-client.ts'
import { randomFrom } from './simulate/random.ts'

interface Options {
  readonly requests: number
  readonly connections: number
  readonly resets: number
  readonly port: number
  readonly seed: number
}

/** What a soak found, and whether it is what was promised. */
export interface SoakReport {
  readonly answered: Record<string, number>
  readonly reset: number
  readonly lost: number
  readonly seconds: number
  /** Requests the nodes counted as admitted, and tokens they counted as spent or presumed spent. */
  readonly admitted: number
  readonly spent: number
  readonly presumed: number
  /** Tokens that left the nodes' ledgers. */
  readonly granted: number
  readonly faults: readonly string[]
}

/** Half the requests go to a tenant inside its base, the others flood one that borrows. */
const MANIFEST = `
apiVersion: stint/v1
kind: Node
metadata: { name: soak }
spec: { capacity: 20000 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: calm }
spec: { base: 15000, hosts: [calm.localhost] }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: flood }
spec: { base: 100, hosts: [flood.localhost], ceiling: 400, maxWaitMs: 50 }
`

/**
 * Sends requests over many raw connections, some of which are reset while the answer is under way, and
 * holds the counts of clients and nodes against each other.
 */
export async function soak(options: Options, onProgress: (sent: number) => void): Promise<SoakReport> {
  const stint = await LocalStint.start(options.port, MANIFEST)
  const seen: Seen = { byStatus: new Map(), answered: 0, reset: 0, lost: 0 }
  const startedMs = performance.now()
  try {
    let sent = 0
    const clients = Array.from({ length: options.connections }, (_, i) =>
      runResetClient(
        {
          port: options.port,
          host: i % 2 === 0 ? 'calm.localhost' : 'flood.localhost',
          requests: Math.ceil(options.requests / options.connections),
          // A third of the clients reset their connections, now and then in the middle of an answer.
          resetShare: i % 3 === 0 ? options.resets : 0,
          random: randomFrom(options.seed + i),
          deadlineMs: 10_000,
          onRequest: () => onProgress(++sent),
        },
        seen,
      ),
    )
    await Promise.all(clients)
    const seconds = (performance.now() - startedMs) / 1000
    // Sessions lapse unheard after a little more than two rounds; then nothing is under way any more.
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    const accounts = await stint.admin.accounts()
    const admitted = accounts.reduce((sum, { usage }) => sum + usage.admitted, 0)
    const spent = accounts.reduce((sum, { usage }) => sum + usage.spent, 0)
    const presumed = accounts.reduce((sum, { usage }) => sum + usage.presumed, 0)
    const granted = accounts.reduce((sum, { spentTotal }) => sum + spentTotal, 0)
    return {
      answered: Object.fromEntries([...seen.byStatus].sort()),
      reset: seen.reset,
      lost: seen.lost,
      seconds,
      admitted,
      spent,
      presumed,
      granted,
      faults: faultsOf(seen, { admitted, spent, presumed, granted }),
    }
  } finally {
    await stint.dispose()
  }
}

type Counts = Pick<SoakReport, 'admitted' | 'spent' | 'presumed' | 'granted'>

function faultsOf(seen: Seen, { admitted, spent, presumed, granted }: Counts): string[] {
  const faults: string[] = []
  for (const [status, count] of seen.byStatus) {
    if (status !== 200 && status !== 429) faults.push(`${count} answers ${status}`)
  }
  if (seen.lost > 0) faults.push(`${seen.lost} requests without an answer`)
  const ok = seen.byStatus.get(200) ?? 0
  // A request that was reset may have been admitted, and its seat paid for, or never have arrived.
  const within = (name: string, count: number) => {
    if (count < ok || count > ok + seen.reset) {
      faults.push(`${name} ${count}, by the clients' count ${ok} to ${ok + seen.reset}`)
    }
  }
  within('admitted', admitted)
  within('spent', spent)
  if (Math.abs(spent + presumed - granted) > 1e-6 * granted) {
    faults.push(`tokens are not conserved: ${granted} granted, ${spent} spent, ${presumed} presumed spent`)
  }
  return faults
}

async function main(options: Options): Promise<void> {
  const show = (sent: number) => {
    if (sent % 5_000 === 0) console.error(`soak: ${sent} of ${options.requests} requests`)
  }
  const report = await soak(options, show)
  console.log(JSON.stringify(report, null, 2))
  if (report.faults.length > 0) process.exitCode = 1
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0')
  return value
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command('soak')
    .description('Soaks a self-hosted Stint (workerd serve): no 500, no hang, tokens conserved.')
    .option('--requests <n>', 'requests in all', whole, 50_000)
    .option('--connections <n>', 'connections at a time', whole, 64)
    .option('--resets <share>', 'share of requests cut off by a third of the clients', Number, 0.5)
    .option('--port <port>', 'port on 127.0.0.1', whole, 8797)
    .option('--seed <n>', 'seed of the clients', whole, 1)
    .action(main)
    .parseAsync()
    .catch((error: unknown) => {
      console.error(`soak: ${error instanceof Error ? error.message : error}`)
      process.exitCode = 1
    })
}
