import { request } from 'node:http'
import { Command } from 'commander'
import { LocalStint } from './run/local.ts'

/** Rates that fill a node of 7 MiB/s; a token is a KiB of an answer. */
const RATES = { a: 4, b: 2, c: 1 } as const
type Tenant = keyof typeof RATES

const MIB = 1024 * 1024
/** Every tenant downloads so much at once. */
const DOWNLOAD_BYTES = 64 * MIB
/** The first rounds hand out what stood ready: measured is what flows afterwards, while all still download. */
const WARM_UP_MS = 2_000

const MANIFEST = [
  'apiVersion: stint/v1\nkind: Node\nmetadata: { name: bytes }\nspec: { capacity: 7168 }',
  ...Object.entries(RATES).map(
    ([name, mib]) =>
      `apiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: { base: ${mib * 1024}, ` +
      `hosts: [${name}.localhost], shape: true, cost: { perRequest: 0, perKiBOut: 1 } }`,
  ),
].join('\n---\n')

/** One download as the client saw it. */
class Download {
  bytes = 0
  ended: 'running' | 'whole' | 'cut' = 'running'
  readonly done: Promise<void>

  constructor(port: number, tenant: Tenant) {
    this.done = new Promise((resolve) => {
      const end = (how: 'whole' | 'cut') => {
        if (this.ended === 'running') this.ended = how
        resolve()
      }
      const headers = { Host: `${tenant}.localhost` }
      request({ port, host: '127.0.0.1', path: `/?bytes=${DOWNLOAD_BYTES}`, headers }, (answer) => {
        answer.on('data', (chunk: Buffer) => {
          this.bytes += chunk.length
        })
        answer.on('end', () => end(this.bytes === DOWNLOAD_BYTES ? 'whole' : 'cut'))
        answer.on('error', () => end('cut'))
      })
        .on('error', () => end('cut'))
        .end()
    })
  }
}

interface Row {
  readonly tenant: string
  readonly wantedMiBps: number
  readonly measuredMiBps: number
  readonly offBy: number
  readonly ended: string
}

/** Downloads at once and measures until the first is through; all run to their end. */
async function measure(port: number, wanted: Partial<Record<Tenant, number>>): Promise<Row[]> {
  const names = Object.keys(wanted) as Tenant[]
  const downloads = names.map((name) => new Download(port, name))
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS))
  const from = { atMs: performance.now(), bytes: downloads.map(({ bytes }) => bytes) }
  // Until shortly before the fastest is through: then the others would borrow its share.
  const fastest = Math.max(...Object.values(wanted))
  // Whole rounds of a second, since tokens come by the round.
  const untilMs = Math.floor(DOWNLOAD_BYTES / MIB / fastest - WARM_UP_MS / 1_000 - 1.5) * 1_000
  await new Promise((resolve) => setTimeout(resolve, untilMs))
  const seconds = (performance.now() - from.atMs) / 1_000
  const rates = downloads.map(({ bytes }, i) => (bytes - from.bytes[i]!) / MIB / seconds)
  await Promise.all(downloads.map(({ done }) => done))
  return names.map((tenant, i) => ({
    tenant,
    wantedMiBps: wanted[tenant]!,
    measuredMiBps: rates[i]!,
    offBy: rates[i]! / wanted[tenant]! - 1,
    ended: downloads[i]!.ended,
  }))
}

function print(title: string, rows: readonly Row[]): void {
  console.log(title)
  for (const { tenant, wantedMiBps, measuredMiBps, offBy, ended } of rows) {
    const off = `${offBy < 0 ? '−' : '+'}${(Math.abs(offBy) * 100).toFixed(1)} %`
    console.log(
      `  ${tenant}  ${wantedMiBps.toFixed(2)} MiB/s wanted  ${measuredMiBps.toFixed(2)} measured  ${off.padStart(7)}  ${ended}`,
    )
  }
}

await new Command('shaping')
  .description('Tokens by bytes: tenants of 4, 2 and 1 MiB/s on a node of 7 download 64 MiB each at once.')
  .option('--port <port>', 'port on 127.0.0.1', Number, 8_798)
  .action(async ({ port }: { port: number }) => {
    const stint = await LocalStint.start(port, MANIFEST)
    try {
      const all = await measure(port, RATES)
      print('all three download', all)
      const two = await measure(port, { a: 14 / 3, b: 7 / 3 })
      print('the third is idle', two)
      const worst = Math.max(...[...all, ...two].map(({ offBy }) => Math.abs(offBy)))
      const cut = [...all, ...two].filter(({ ended }) => ended !== 'whole').length
      console.log(`largest difference ${(worst * 100).toFixed(1)} %, connections cut: ${cut}`)
      if (worst > 0.03 || cut > 0) process.exitCode = 1
    } finally {
      await stint.dispose()
    }
  })
  .parseAsync()
