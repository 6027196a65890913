import { startMachine } from '../isolation/machine.ts'
import { AGGRESSOR_BASE, CAPACITY, MACHINE, OFFERED, ROUND_MS, VICTIM_BASE } from '../isolation/setting.ts'
import { runLoad } from '../load/run.ts'
import type { TenantResult } from '../load/tally.ts'
import type { Report, RunOptions } from './groups.ts'
import { Ports } from './servers.ts'
import { startStint } from './stint-server.ts'

const TIMES_QUOTA = [0, 1, 10, 100]

function manifest(mode: 'enforce' | 'off'): string {
  const tenant = (name: string, base: number) => ({
    ...{ apiVersion: 'stint/v1', kind: 'Tenant', metadata: { name } },
    spec: { base, mode, hosts: [`${name}.localhost`] },
  })
  const node = {
    ...{ apiVersion: 'stint/v1', kind: 'Node', metadata: { name: 'bench' } },
    spec: { capacity: CAPACITY, roundMs: ROUND_MS, origin: { service: 'machine' } },
  }
  return [node, tenant('victim', VICTIM_BASE), tenant('aggressor', AGGRESSOR_BASE)]
    .map((document) => JSON.stringify(document))
    .join('\n---\n')
}

/** The victim at 80 % of its base beside an aggressor at multiples of its own quota, with Stint and without. */
export async function isolationReport({ firstPort, seconds, progress }: RunOptions): Promise<Report> {
  const ports = new Ports(firstPort)
  const machinePort = ports.take()
  const machine = await startMachine({ ...MACHINE, port: machinePort })
  const each = Math.max(3, seconds / 16)
  const rows: object[] = []
  const victims = new Map<string, TenantResult>()
  for (const mode of ['enforce', 'off'] as const) {
    const stint = await startStint(ports, manifest(mode), 0, { machine: machinePort })
    for (const times of TIMES_QUOTA) {
      machine.reset()
      const tenants = [
        { name: 'victim', perSecond: OFFERED },
        { name: 'aggressor', perSecond: times * AGGRESSOR_BASE },
      ]
      const result = await runLoad({
        tenants,
        seconds: each,
        port: stint.port,
        timeoutMs: 20_000,
        pauseMs: 500,
      })
      const [victim, aggressor] = result.tenants as [TenantResult, TenantResult]
      victims.set(`${mode}${times}`, victim)
      rows.push({
        Stint: mode === 'off' ? 'off' : 'on',
        'aggressor × quota': times,
        'victim admitted': `${((100 * victim.admitted) / victim.offered).toFixed(1)} %`,
        'victim p50 ms': Number(victim.p50Ms.toFixed(1)),
        'victim p99 ms': Number(victim.p99Ms.toFixed(1)),
        'aggressor admitted /s': Number((aggressor.admitted / each).toFixed(1)),
      })
      progress(`${mode}, aggressor at ${times} × its quota: victim p99 ${victim.p99Ms.toFixed(1)} ms`)
    }
    await stint.stop()
  }
  machine.stop()
  const over = (mode: string) => victims.get(`${mode}100`)!.p99Ms / victims.get(`${mode}0`)!.p99Ms
  return {
    tables: { 'a victim at 80 % of its base beside an aggressor': rows },
    ratios: {
      victimP99Under100OverAloneWithStint: over('enforce'),
      victimP99Under100OverAloneWithoutStint: over('off'),
    },
    notes: [],
  }
}
