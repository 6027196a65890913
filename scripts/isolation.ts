import { Command } from 'commander'
import { type Attack, holdSockets, spray } from './isolation/attacks.ts'
import { type Machine, startMachine } from './isolation/machine.ts'
import { runLoad } from './load/run.ts'
import type { TenantResult } from './load/tally.ts'
import { LocalStint } from './run/local.ts'

const VICTIM_BASE = 200
const AGGRESSOR_BASE = 10
/** What the machine is trusted with; the guarantees are all of it. It could serve 480. */
const CAPACITY = 250
const MACHINE = { workers: 24, serviceMs: 50 }
const OFFERED = VICTIM_BASE * 0.8
/** What is borrowed in one round must not keep all of the machine's workers from the others. */
const ROUND_MS = 250

const tenant = (name: string, spec: string) =>
  `---\napiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: { hosts: [${name}.localhost], ${spec} }\n`

/** With `off` the very same tenants, and nobody between them and the machine. */
function manifest(mode: 'enforce' | 'off'): string {
  const dear = 'cost: { rules: [{ path: /dear, tokens: 50 }] }'
  return [
    `apiVersion: stint/v1\nkind: Node\nmetadata: { name: machine }\nspec: { capacity: ${CAPACITY}, roundMs: ${ROUND_MS}, origin: { service: machine } }\n`,
    tenant('victim', `base: ${VICTIM_BASE}, mode: ${mode}`),
    tenant('aggressor', `base: ${AGGRESSOR_BASE}, mode: ${mode}, ${dear}`),
    tenant('locked', `base: 1, mode: ${mode}, keys: [{ sha256: '${'0'.repeat(64)}' }]`),
  ].join('')
}

const ATTACKS: Readonly<Record<string, (port: number) => Attack | undefined>> = {
  '100 × its own': (port) =>
    spray(port, 100 * AGGRESSOR_BASE, () => ({ headers: { Host: 'aggressor.localhost' } })),
  'dearest requests': (port) =>
    spray(port, 20 * AGGRESSOR_BASE, () => ({ headers: { Host: 'aggressor.localhost' }, path: '/dear' })),
  'invented hosts': (port) => spray(port, 1_000, (i) => ({ headers: { Host: `invented-${i}.localhost` } })),
  'slow bodies': (port) =>
    holdSockets(
      port,
      200,
      'POST / HTTP/1.1\r\nHost: aggressor.localhost\r\nContent-Length: 100000\r\n\r\nx',
      'x',
    ),
  'unused sockets': (port) => holdSockets(port, 1_000, '', ''),
  'wrong keys': (port) =>
    spray(port, 500, (i) => ({ headers: { Host: 'locked.localhost', 'Stint-Key': `wrong-${i}` } })),
}

/** The victim's figures while `attack` lasts; undefined leaves it alone. */
async function measure(
  port: number,
  machine: Machine,
  seconds: number,
  attack?: string,
): Promise<TenantResult> {
  machine.reset()
  const running = attack === undefined ? undefined : ATTACKS[attack]!(port)
  try {
    // The attack stands when the victim comes; what was sent before shares no round with it.
    const tenants = [{ name: 'victim', perSecond: OFFERED }]
    const { tenants: results } = await runLoad({ tenants, seconds, port, pauseMs: 1_500, timeoutMs: 15_000 })
    return results[0]!
  } finally {
    await running?.stop()
  }
}

function row(mode: string, attack: string, alone: TenantResult, it: TenantResult): string {
  const share = `${((100 * it.admitted) / it.offered).toFixed(1)} %`
  const times = `${(it.p99Ms / alone.p99Ms).toFixed(2)} ×`
  const figures = [alone.p50Ms, alone.p99Ms, it.p50Ms, it.p99Ms].map((ms) => ms.toFixed(1).padStart(9))
  return [mode.padEnd(8), attack.padEnd(17), share.padStart(8), ...figures, times.padStart(9)].join('  ')
}

await new Command('isolation')
  .description('A victim at 80 % of its base beside an aggressor, with Stint and with Stint switched off.')
  .option('--port <port>', 'port on 127.0.0.1; the next is the machine’s', Number, 8_790)
  .option('--seconds <seconds>', 'per attack', Number, 8)
  .action(async ({ port, seconds }: { port: number; seconds: number }) => {
    const machine = await startMachine({ ...MACHINE, port: port + 1 })
    const lost: string[] = []
    console.log(
      'mode      attack             admitted  alone p50        p99  under p50        p99  p99/alone',
    )
    for (const mode of ['enforce', 'off'] as const) {
      const stint = await LocalStint.start(port, manifest(mode), { services: { machine: port + 1 } })
      try {
        for (const attack of Object.keys(ATTACKS)) {
          // Anew each time: what else the computer does shall weigh on both alike.
          const alone = await measure(port, machine, seconds)
          const result = await measure(port, machine, seconds, attack)
          console.log(row(mode, attack, alone, result))
          if (mode === 'enforce' && result.admitted < result.offered) lost.push(attack)
        }
      } finally {
        await stint.dispose()
      }
    }
    machine.stop()
    if (lost.length > 0) {
      console.error(`isolation: the victim lost requests: ${lost.join(', ')}`)
      process.exitCode = 1
    }
  })
  .parseAsync()
