import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { runLoad } from './load/run.ts'
import type { TenantResult } from './load/tally.ts'
import { LocalStint } from './run/local.ts'

/** How a run is made. */
export interface DevicesOptions {
  /** On 127.0.0.1. */
  readonly port: number
  readonly seconds: number
  /** Requests/s the flooding device is offered; its base is 20. */
  readonly floodPerSecond: number
}

/** Offered per second to the quiet ones, whose base it is within at any moment. */
const QUIET_PER_SECOND = 20

/** A machine of 120: tenant `house` has 70, of which its devices have 20 and 40; tenant `other` has 50. */
const MANIFEST = `apiVersion: stint/v1
kind: Node
metadata: { name: machine }
spec: { capacity: 120 }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: house }
spec:
  base: 70
  hosts: [flood.localhost, quiet.localhost, rest.localhost]
  devices:
    - { name: flood, base: 20, match: { hosts: [flood.localhost] } }
    - { name: quiet, base: 40, match: { hosts: [quiet.localhost] } }
---
apiVersion: stint/v1
kind: Tenant
metadata: { name: other }
spec: { base: 50, hosts: [other.localhost] }
`

/** One flooding device beside a quiet sibling and a quiet other tenant, on workerd. @returns results by host */
export async function floodDevice(options: DevicesOptions): Promise<readonly TenantResult[]> {
  const { port, seconds, floodPerSecond } = options
  const stint = await LocalStint.start(port, MANIFEST)
  try {
    const tenants = [
      { name: 'flood', perSecond: floodPerSecond },
      { name: 'quiet', perSecond: QUIET_PER_SECOND },
      { name: 'other', perSecond: QUIET_PER_SECOND },
    ]
    return (await runLoad({ tenants, seconds, port, timeoutMs: 15_000 })).tenants
  } finally {
    await stint.dispose()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await new Command('devices')
    .description('A flooding device beside a quiet sibling of its tenant and a quiet other tenant.')
    .option('--port <port>', 'port on 127.0.0.1', Number, 8_794)
    .option('--seconds <seconds>', 'how long', Number, 10)
    .option('--flood <rate>', 'requests/s of the flooding device', Number, 400)
    .action(async ({ port, seconds, flood }: { port: number; seconds: number; flood: number }) => {
      const results = await floodDevice({ port, seconds, floodPerSecond: flood })
      console.log('device    offered  admitted   refused    failed    p50 ms    p99 ms')
      for (const it of results) {
        const figures = [
          it.offered,
          it.admitted,
          it.refused,
          it.failed,
          it.p50Ms.toFixed(1),
          it.p99Ms.toFixed(1),
        ]
        console.log([it.name.padEnd(7), ...figures.map((figure) => String(figure).padStart(8))].join('  '))
      }
      const lost = results.filter(({ name, refused, failed }) => name !== 'flood' && refused + failed > 0)
      if (lost.length > 0) {
        console.error(`devices: requests lost: ${lost.map(({ name }) => name).join(', ')}`)
        process.exitCode = 1
      }
    })
    .parseAsync()
}
