import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { buildWorker } from './build.ts'
import { ATTACKS, attack } from './isolation/attacks.ts'
import { type Machine, startMachine } from './isolation/machine.ts'
import { AGGRESSOR_BASE, CAPACITY, MACHINE, OFFERED, ROUND_MS, VICTIM_BASE } from './isolation/setting.ts'
import { runLoad, UnreachableError } from './load/run.ts'
import type { TenantResult } from './load/tally.ts'
import { LocalStint } from './run/local.ts'
import { startWorkerd } from './run/workerd.ts'

/** What a request for `/dear` takes the machine. */
const DEAR_MS = 500
/** A stall of this computer hands over at once what came in the meantime: more than the base of a round has room for. */
const VICTIM_WAIT_MS = 200
/**
 * The victim alone and beside the attack take turns, and of each the median turn counts: what else the computer does
 * shall weigh on both alike, and a stall of it on neither.
 */
const TURNS = 5

const tenant = (name: string, spec: string) =>
  `---\napiVersion: stint/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: { hosts: [${name}.localhost], ${spec} }\n`

const MANIFEST = [
  `apiVersion: stint/v1\nkind: Node\nmetadata: { name: machine }\nspec: { capacity: ${CAPACITY}, roundMs: ${ROUND_MS}, origin: { service: machine } }\n`,
  tenant('victim', `base: ${VICTIM_BASE}, maxWaitMs: ${VICTIM_WAIT_MS}`),
  tenant('aggressor', `base: ${AGGRESSOR_BASE}, cost: { rules: [{ path: /dear, tokens: 50 }] }`),
  tenant('locked', `base: 1, keys: [{ sha256: '${'0'.repeat(64)}' }]`),
].join('')

/** What stands before the machine, and how it is ended. */
type Edge = (port: number, machinePort: number) => Promise<() => Promise<void>>

const EDGES: Readonly<Record<string, Edge>> = {
  async with(port, machinePort) {
    const stint = await LocalStint.start(port, MANIFEST, { services: { machine: machinePort } })
    return () => stint.dispose()
  },
  async without(port, machinePort) {
    const stateFolder = mkdtempSync(join(tmpdir(), 'stint-'))
    const built = await buildWorker('scripts/isolation/workers/forward.ts', 'dist/forward')
    const services = { machine: machinePort }
    const workerd = await startWorkerd({ built, port, stateFolder, services, objects: {} })
    return async () => {
      await workerd.kill()
      rmSync(stateFolder, { recursive: true, force: true })
    }
  },
}

/** One turn of the victim. */
async function turn(port: number, seconds: number): Promise<TenantResult> {
  const tenants = [{ name: 'victim', perSecond: OFFERED }]
  // The attack stands when the victim comes; what was sent before shares no round with it.
  const { tenants: results } = await runLoad({ tenants, seconds, port, pauseMs: 1_500, timeoutMs: 15_000 })
  return results[0]!
}

interface Turns {
  readonly alone: TenantResult[]
  readonly under: TenantResult[]
}

/** The victim's turns alone and while an attack lasts. */
async function measure(name: string, port: number, machine: Machine, seconds: number): Promise<Turns> {
  const turns: Turns = { alone: [], under: [] }
  for (let i = 0; i < TURNS; i++) {
    machine.reset()
    turns.alone.push(await turn(port, seconds / TURNS))
    const end = attack(name, port)
    try {
      turns.under.push(await turn(port, seconds / TURNS))
    } finally {
      await end()
    }
  }
  return turns
}

const sum = (turns: readonly TenantResult[], of: 'admitted' | 'refused' | 'failed' | 'offered') =>
  turns.reduce((total, turn) => total + turn[of], 0)

function row(edge: string, name: string, { alone, under }: Turns): string {
  const median = (turns: readonly TenantResult[], of: 'p50Ms' | 'p99Ms') =>
    turns.map((turn) => turn[of]).sort((a, b) => a - b)[Math.floor(turns.length / 2)]!
  const share = `${((100 * sum(under, 'admitted')) / sum(under, 'offered')).toFixed(1)} %`
  const times = `${(median(under, 'p99Ms') / median(alone, 'p99Ms')).toFixed(2)} ×`
  const figures = [alone, under].flatMap((turns) => [median(turns, 'p50Ms'), median(turns, 'p99Ms')])
  const columns = figures.map((ms) => ms.toFixed(1).padStart(9))
  return [edge.padEnd(8), name.padEnd(17), share.padStart(8), ...columns, times.padStart(9)].join('  ')
}

await new Command('isolation')
  .description(
    'A victim at 80 % of its base beside an aggressor, with Stint and with a plain forwarder instead.',
  )
  .option('--port <port>', 'port on 127.0.0.1; the next is the machine’s', Number, 8_790)
  .option('--seconds <seconds>', 'of the victim alone, and as many under each attack', Number, 15)
  .addOption(new Option('--attack <name>', 'only this one').choices(Object.keys(ATTACKS)))
  .action(async ({ port, seconds, attack: only }: { port: number; seconds: number; attack?: string }) => {
    const names = Object.keys(ATTACKS).filter((name) => only === undefined || name === only)
    const machine = await startMachine({ ...MACHINE, dearMs: DEAR_MS, port: port + 1 })
    const lost: string[] = []
    console.log(
      'Stint     attack             admitted  alone p50        p99  under p50        p99  p99/alone',
    )
    for (const [edge, start] of Object.entries(EDGES)) {
      const stop = await start(port, port + 1)
      try {
        await turn(port, 2)
        for (const name of names) {
          const turns = await measure(name, port, machine, seconds).catch((error: unknown) => {
            if (edge === 'without' && error instanceof UnreachableError) return undefined
            throw error
          })
          if (turns === undefined) {
            console.log(`${edge.padEnd(8)}  ${name.padEnd(17)}  takes no connections any more`)
            continue
          }
          console.log(row(edge, name, turns))
          const [refused, failed] = [sum(turns.under, 'refused'), sum(turns.under, 'failed')]
          if (edge === 'with' && refused + failed > 0)
            lost.push(`${name} (${refused} refused, ${failed} failed)`)
        }
      } finally {
        await stop()
      }
    }
    machine.stop()
    if (lost.length > 0) {
      console.error(`isolation: the victim lost requests: ${lost.join(', ')}`)
      process.exitCode = 1
    }
  })
  .parseAsync()
