import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PLANETLAB } from '../../scripts/placement/catalogue.ts'
import { listDays, readCatalogue, readTrace } from '../../scripts/placement/traces.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stint-traces-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const entry = { vms: 2, samples: 3, interval_s: 300, unit: 'percent CPU' }
const manifest = (value: unknown) => writeFileSync(join(folder, 'manifest.json'), JSON.stringify(value))

describe('a folder of traces', () => {
  it('gives the days and their bytes', () => {
    manifest({ '20300102': entry, '20300101': entry })
    writeFileSync(join(folder, '20300101.u8'), Uint8Array.from([1, 2, 3, 100, 0, 50]))
    expect(listDays(folder)).toEqual(['20300101', '20300102'])
    const trace = readTrace(folder, '20300101')
    expect(trace).toMatchObject({ vmCount: 2, samples: 3 })
    expect([...trace.percent]).toEqual([1, 2, 3, 100, 0, 50])
  })

  it('is refused in one line when something is missing or wrong', () => {
    expect(() => listDays(join(folder, 'nowhere'))).toThrow(/no such folder/)
    expect(() => listDays(folder)).toThrow(/no manifest\.json/)
    manifest({ '20300101': { ...entry, interval_s: 60 } })
    expect(() => listDays(folder)).toThrow(/interval_s/)
    manifest({ '20300101': entry })
    expect(() => readTrace(folder, '20300102')).toThrow(/unknown day 20300102/)
    expect(() => readTrace(folder, '20300101')).toThrow(/no such file/)
    writeFileSync(join(folder, '20300101.u8'), new Uint8Array(5))
    expect(() => readTrace(folder, '20300101')).toThrow(/5 bytes/)
    writeFileSync(join(folder, '20300101.u8'), Uint8Array.from([0, 0, 0, 0, 0, 101]))
    expect(() => readTrace(folder, '20300101')).toThrow(/above 100 %/)
  })

  it('brings its own hosts, or gets the published ones', () => {
    expect(readCatalogue(folder)).toBe(PLANETLAB)
    const type = PLANETLAB.hostTypes[0]!
    const { name, mipsPerCore, cores, ramMb, bandwidthKbit, watts } = type
    const spec = { name, mips_per_pe: mipsPerCore, pes: cores, ram_mb: ramMb, bw_kbit_s: bandwidthKbit }
    writeFileSync(
      join(folder, 'experiment.json'),
      JSON.stringify({
        hosts: { count: 3, types: [{ ...spec, watts_0_to_100pct: watts }] },
        vms: { types: [{ mips: 100, ram_mb: 64 }], bw_kbit_s: 10 },
        lower_bounds_kwh: { '20300101': { LB_all: 2, LB_compat: 1 } },
      }),
    )
    expect(readCatalogue(folder)).toEqual({
      hostCount: 3,
      hostTypes: [type],
      vmTypes: [{ mips: 100, ramMb: 64 }],
      vmBandwidthKbit: 10,
      publishedBoundsKwh: { '20300101': 1 },
    })
  })
})
